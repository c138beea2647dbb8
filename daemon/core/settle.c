/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/clock.h"
#include "daemon/core/reconcile.h"
#include "daemon/core/settle.h"
#include "daemon/core/tenancy-internal.h"
#include "daemon/store/store.h"
#include "dbus/error.h"

/* A code lives five minutes, so a passkey may be that much older than its exchange; and clocks
 * differ. */
#define PASSKEY_AGE_MAX_MS (10U * 60U * 1000U)

/* How often the vault is looked through if that fails. */
#define RETRY_INTERVAL_MS 3000U

/* Who waits for the mark to be on disk. */
typedef struct Waiter {
        struct Waiter *next;
        SettleFunc func;
        void *userdata;
} Waiter;

struct Settlement {
        unsigned n_open;
        bool marked; /* on disk */
        StoreChange *marking;
        Waiter *waiters;
        uint64_t recover_since_ms; /* an earlier run's mark; 0: none */
        Reconcile *recovery;       /* under way */
        bool stopped;
        uint64_t tried_at_ms; /* when it last began; 0: never */
};

static int settlement_get(Tenancy *tenancy, Settlement **ret)
{
        if (!tenancy->settlement) {
                tenancy->settlement = calloc(1, sizeof(Settlement));
                if (!tenancy->settlement)
                        return -ENOMEM;
        }
        *ret = tenancy->settlement;
        return 0;
}

static void on_marked(int r, void *userdata)
{
        _cleanup_(tenancy_unrefp) Tenancy *tenancy = tenancy_ref(userdata);
        Settlement *settlement = tenancy->settlement;
        Waiter *waiters = TAKE_PTR(settlement->waiters);

        settlement->marking = NULL;
        settlement->marked = r == 0;
        while (waiters) {
                _cleanup_(freep) Waiter *waiter = waiters;

                waiters = waiter->next;
                if (r == 0)
                        settlement->n_open++;
                waiter->func(r, waiter->userdata);
        }
}

static int settlement_wait(Settlement *settlement, SettleFunc func, void *userdata)
{
        Waiter *waiter = malloc(sizeof(Waiter));

        if (!waiter)
                return -ENOMEM;
        *waiter = (Waiter){.next = settlement->waiters, .func = func, .userdata = userdata};
        settlement->waiters = waiter;
        return 0;
}

int settle_begin(Tenancy *tenancy, SettleFunc func, void *userdata)
{
        Settlement *settlement;
        int r;

        r = settlement_get(tenancy, &settlement);
        if (r < 0)
                return r;
        if (settlement->marked) {
                settlement->n_open++;
                return 1;
        }
        if (!settlement->marking) {
                r = store_set_unsettled(tenancy->store, tenancy->tenancy_id, realtime_ms(),
                                        on_marked, tenancy, &settlement->marking);
                if (r != 0)
                        return r < 0 ? r : -EIO;
        }
        return settlement_wait(settlement, func, userdata);
}

/* Nobody waits for this: if it fails, the next start looks through the vault for nothing. */
static void settlement_unmark(Tenancy *tenancy, Settlement *settlement)
{
        if (!settlement->marked || settlement->n_open > 0 || settlement->recover_since_ms)
                return;
        settlement->marked = false;
        (void) store_set_unsettled(tenancy->store, tenancy->tenancy_id, 0, NULL, NULL, NULL);
}

void settle_end(Tenancy *tenancy)
{
        tenancy->settlement->n_open--;
        settlement_unmark(tenancy, tenancy->settlement);
}

void settle_load(Tenancy *tenancy)
{
        Settlement *settlement;
        uint64_t since_ms = 0;

        if (settlement_get(tenancy, &settlement) < 0)
                return;
        if (store_get_unsettled(tenancy->store, tenancy->tenancy_id, &since_ms) != 0)
                return;
        settlement->marked = since_ms > 0;
        settlement->recover_since_ms = since_ms;
        if (since_ms > 0)
                audit(EVENT_RECOVERY_NEEDED, .tenancy = tenancy->label);
}

static void on_recovered(int r, uint32_t retry_after_s _unused_, const ReconcileResult *result,
                         void *userdata)
{
        Tenancy *tenancy = userdata;
        Settlement *settlement = tenancy->settlement;

        settlement->recovery = NULL;
        if (r != 0) {
                audit(EVENT_RECOVERY_FAILED, .tenancy = tenancy->label, .error = r);
                return;
        }
        audit(EVENT_RECOVERY_DONE, .tenancy = tenancy->label,
              .counts = {{FIELD_CHECKED, result->checked}, {FIELD_ADDED, result->added}});
        settlement->recover_since_ms = 0;
        settlement_unmark(tenancy, settlement);
}

void settle_recover(Tenancy *tenancy, bool api_is_back)
{
        Settlement *settlement = tenancy->settlement;
        int r;

        if (!settlement || settlement->stopped || !settlement->recover_since_ms ||
            settlement->recovery || tenancy->reconcile || !tenancy->key)
                return;
        if (!api_is_back && settlement->tried_at_ms &&
            monotonic_ms() - settlement->tried_at_ms < RETRY_INTERVAL_MS)
                return;
        settlement->tried_at_ms = monotonic_ms();
        r = reconcile_recover(tenancy,
                              settlement->recover_since_ms > PASSKEY_AGE_MAX_MS
                                      ? settlement->recover_since_ms - PASSKEY_AGE_MAX_MS
                                      : 1,
                              on_recovered, tenancy, &settlement->recovery);
        if (r != 0)
                audit(EVENT_RECOVERY_FAILED, .tenancy = tenancy->label, .error = r);
}

void settle_stop(Tenancy *tenancy)
{
        Settlement *settlement = tenancy->settlement;

        if (!settlement)
                return;
        settlement->stopped = true;
        settlement->recovery = reconcile_cancel(settlement->recovery);
}

void settle_free(Tenancy *tenancy)
{
        Settlement *settlement = tenancy->settlement;

        if (!settlement)
                return;
        while (settlement->waiters) {
                Waiter *waiter = settlement->waiters;

                settlement->waiters = waiter->next;
                free(waiter);
        }
        store_change_forget(settlement->marking);
        tenancy->settlement = (free(settlement), NULL);
}
