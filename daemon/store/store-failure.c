/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/clock.h"
#include "daemon/audit/audit.h"
#include "daemon/store/store-failure.h"
#include "daemon/store/txn.h"
#include "dbus/error.h"

#define INTERVAL_MS 10000U

void trouble_note(Trouble *trouble, int r)
{
        uint64_t now_ms = monotonic_ms();
        bool full = store_outcome(r) == ERROR_STORE_FULL;

        if (r == trouble->error && now_ms - trouble->at_ms < INTERVAL_MS)
                return;
        audit(full ? EVENT_STORE_FULL : EVENT_STORE_FAILED, .text = strerror(-r));
        trouble->error = r;
        trouble->at_ms = now_ms;
}
