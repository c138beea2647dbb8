/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/strv.h"
#include "daemon/store/shared/outbox.h"
#include "daemon/store/shared/own-store.h"
#include "daemon/store/shared/replica.h"
#include "daemon/store/shared/revision-id.h"
#include "daemon/store/tables/intent-table.h"
#include "daemon/store/tables/link-table.h"
#include "daemon/store/tables/meta-table.h"
#include "daemon/store/tables/tenancy-table.h"

/* Open exchanges, those of this host first. */
typedef struct Exchanges {
        uint64_t *ids;
        bool *found; /* in the outbox */
        size_t n, n_own, n_links;
} Exchanges;

static void exchanges_clear(Exchanges *exchanges)
{
        free(exchanges->ids);
        free(exchanges->found);
}

static int push(Exchanges *exchanges, uint64_t id, bool is_own)
{
        uint64_t *ids = reallocarray(exchanges->ids, exchanges->n + 1, sizeof(uint64_t));

        if (!ids)
                return -ENOMEM;
        exchanges->ids = ids;
        ids[exchanges->n++] = id;
        if (is_own) {
                ids[exchanges->n - 1] = ids[exchanges->n_own];
                ids[exchanges->n_own++] = id;
        }
        return 0;
}

static int list_exchanges(Txn *txn, const OwnStoreOptions *options, Exchanges *ret)
{
        OutboxScan scan = {};
        uint64_t id = 0;
        int r;

        while ((r = intent_table_next(txn, DATABASE_INTENTS, id, &id)) == 0) {
                r = push(ret, id, host_of_id(id) == options->host);
                if (r < 0)
                        return r;
        }
        if (r != -ENOENT)
                return r;
        ret->found = calloc(ret->n_own + 1, sizeof(bool));
        if (!ret->found)
                return -ENOMEM;
        scan.exchanges = ret->ids;
        scan.n_exchanges = ret->n_own;
        scan.found = ret->found;
        r = outbox_scan(txn, &scan);
        ret->n_links = scan.n_links;
        return r;
}

static bool is_kept(const Exchanges *exchanges, const OwnStoreOptions *options, size_t i)
{
        return i < exchanges->n_own && (!options->is_away || exchanges->found[i]);
}

static int count_links(Txn *txn, uint64_t *ret)
{
        _cleanup_(strv_freep) char **ids = NULL;
        uint64_t sum = 0, n = 0;
        int r;

        r = tenancy_table_list(txn, &ids);
        for (size_t i = 0; r == 0 && i < strv_len(ids); i++) {
                r = link_table_count(txn, ids[i], &n);
                sum += n;
        }
        *ret = sum;
        return r;
}

int own_store_count(Txn *txn, const OwnStoreOptions *options, OwnStoreCounts *ret)
{
        _cleanup_(exchanges_clear) Exchanges exchanges = {};
        OwnStoreCounts counts = {};
        int r;

        r = list_exchanges(txn, options, &exchanges);
        if (r == 0)
                r = count_links(txn, &counts.links);
        if (r == 0)
                r = txn_count(txn, DATABASE_DELETES, &counts.deletes);
        if (r < 0)
                return r;
        for (size_t i = 0; i < exchanges.n; i++)
                counts.exchanges += is_kept(&exchanges, options, i);
        counts.left = exchanges.n - counts.exchanges;
        counts.unshared = exchanges.n_links;
        *ret = counts;
        return 0;
}

static int drop_exchanges(Txn *txn, const OwnStoreOptions *options)
{
        _cleanup_(exchanges_clear) Exchanges exchanges = {};
        int r;

        r = list_exchanges(txn, options, &exchanges);
        for (size_t i = 0; r == 0 && i < exchanges.n; i++)
                if (!is_kept(&exchanges, options, i))
                        r = intent_table_remove(txn, DATABASE_INTENTS, exchanges.ids[i]);
        return r;
}

static int make(Environment *copy, const OwnStoreOptions *options, uint64_t now_ms)
{
        static const Database emptied[] = {DATABASE_IDEMPOTENCY, DATABASE_EXPIRIES,
                                           DATABASE_OUTBOX};
        _cleanup_(txn_end) Txn txn = {};
        int r;

        r = environment_begin_write(copy, &txn);
        if (r == 0)
                r = drop_exchanges(&txn, options);
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(emptied); i++)
                r = txn_clear(&txn, emptied[i]);
        if (r == 0)
                r = replica_forget_revision(&txn);
        if (r == 0)
                r = meta_table_put_time(&txn, META_CLOCK, now_ms);
        return r < 0 ? r : txn_commit(&txn);
}

int own_store_make(Environment *copy, const OwnStoreOptions *options, uint64_t now_ms)
{
        int r;

        do {
                r = make(copy, options, now_ms);
        } while (r == -EXFULL && (r = environment_grow(copy)) == 0);
        return r;
}
