/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/clock.h"
#include "daemon/audit/audit.h"
#include "daemon/store/lmdb/store-failure.h"
#include "daemon/store/lmdb/txn.h"
#include "dbus/error.h"

#define INTERVAL_MS 10000U

void store_failure_record(StoreFailure *last_failure, int r)
{
        uint64_t now_ms = monotonic_ms();
        bool full = store_error_from_errno(r) == ERROR_STORE_FULL;

        if (r == last_failure->error && now_ms - last_failure->at_ms < INTERVAL_MS)
                return;
        audit(full ? EVENT_STORE_FULL : EVENT_STORE_FAILED, .text = strerror(-r));
        last_failure->error = r;
        last_failure->at_ms = now_ms;
}
