/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/store/changes/change-leave.h"
#include "daemon/store/shared/revision-id.h"
#include "daemon/store/tables/intent-table.h"

/* A change has a tenancy; this one writes nothing to it. */
#define NO_TENANCY "none"

static int apply_nothing(StoreChange *change _unused_, Txn *txn _unused_)
{
        return 0;
}

static int apply_hand_over(StoreChange *change, Txn *txn)
{
        _cleanup_(exchange_intent_list_clear) ExchangeIntentList exchanges = {};
        size_t n = 0;
        int r;

        r = intent_table_list_exchanges(txn, change->tenancy_id, UINT64_MAX, &exchanges);
        for (size_t i = 0; r == 0 && i < exchanges.n_intents && !change->unfinished; i++) {
                uint64_t id = exchanges.intents[i].id;

                if (host_of_id(id) != change->own_host)
                        continue;
                change->unfinished = n == change->limit;
                if (n++ < change->limit)
                        r = intent_table_remove(txn, DATABASE_INTENTS, id);
        }
        return r;
}

static void report(const StoreChange *change)
{
        change->func.done(change->r, change->userdata);
}

static int new_change(const char *tenancy_id, const ChangeKind *kind, StoreDoneFunc func,
                      void *userdata, StoreChange **ret)
{
        StoreChange *change;
        int r;

        r = change_new(tenancy_id, kind, userdata, &change);
        if (r < 0)
                return r;
        change->func.done = func;
        *ret = change;
        return 0;
}

int change_new_catch_up(StoreDoneFunc func, void *userdata, StoreChange **ret)
{
        static const ChangeKind kind = {.apply = apply_nothing, .report = report, .leaves = true};

        return new_change(NO_TENANCY, &kind, func, userdata, ret);
}

int change_new_hand_over(const char *tenancy_id, StoreDoneFunc func, void *userdata,
                         StoreChange **ret)
{
        static const ChangeKind kind = {.apply = apply_hand_over, .report = report, .leaves = true};

        return new_change(tenancy_id, &kind, func, userdata, ret);
}
