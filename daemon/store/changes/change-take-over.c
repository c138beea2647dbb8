/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Store change that takes over the intents of a host that is away. */

#include <errno.h>

#include "daemon/store/changes/change.h"
#include "daemon/store/shared/revision-id.h"
#include "daemon/store/tables/intent-table.h"

/* Moves the intent to an id of this host. The order of intents and tombstones is kept. */
static int move(StoreChange *change, Txn *txn, Database database, uint64_t id)
{
        for (unsigned slot = id % ID_MOVED; slot < ID_MOVED; slot++) {
                uint64_t moved = revision_id(revision_of_id(id), change->own_host, ID_MOVED | slot);
                int r = intent_table_move(txn, database, id, moved);

                if (r != -EEXIST)
                        return r;
        }
        return 0; /* is left to a later attempt */
}

static int move_one(StoreChange *change, Txn *txn, Database database, uint64_t id, size_t *n)
{
        if (host_of_id(id) != change->host)
                return 0;
        change->unfinished = *n >= change->limit / 2; /* an intent takes two writes */
        if (change->unfinished)
                return 0;
        (*n)++;
        return move(change, txn, database, id);
}

static int apply_take_over(StoreChange *change, Txn *txn)
{
        _cleanup_(exchange_intent_list_clear) ExchangeIntentList exchanges = {};
        _cleanup_(delete_intent_list_clear) DeleteIntentList deletes = {};
        size_t n = 0;
        int r;

        r = intent_table_list_exchanges(txn, change->tenancy_id, UINT64_MAX, &exchanges);
        if (r == 0)
                r = intent_table_list_deletes(txn, change->tenancy_id, UINT64_MAX, &deletes);
        for (size_t i = 0; r == 0 && i < exchanges.n_intents; i++)
                r = move_one(change, txn, DATABASE_INTENTS, exchanges.intents[i].id, &n);
        for (size_t i = 0; r == 0 && i < deletes.n_intents; i++)
                r = move_one(change, txn, DATABASE_DELETES, deletes.intents[i].id, &n);
        return r;
}

static void report_take_over(const StoreChange *change)
{
        change->func.done(change->r, change->userdata);
}

int store_take_over(Store *store, const char *tenancy_id, unsigned host, StoreDoneFunc func,
                    void *userdata, StoreChange **ret)
{
        static const ChangeKind kind = {.apply = apply_take_over, .report = report_take_over};
        StoreChange *change;
        int r;

        r = change_new(tenancy_id, &kind, userdata, &change);
        if (r < 0)
                return r;
        change->takes_over = true;
        change->host = host;
        change->func.done = func;
        return store_queue(store, change, ret);
}
