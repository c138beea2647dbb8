/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The tables of a store with arbitrary records, in a transaction that is aborted. See
 * store-input.h. */

#include <errno.h>

#include "base/log.h"
#include "daemon/model/valid.h"
#include "daemon/store/tables/idempotency-table.h"
#include "daemon/store/tables/intent-table.h"
#include "daemon/store/tables/link-table.h"
#include "daemon/store/tables/meta-table.h"
#include "daemon/store/tables/tenancy-table.h"
#include "daemon/store/tables/tombstone-table.h"
#include "dbus/error.h"
#include "tests/fuzz/store-input.h"

static const char *const authenticators[] = {"pk1", "pk2", "pk3"};
static MDB_env *environment;
static Schema schema;

static void close_environment(void)
{
        mdb_env_close(environment);
}

int LLVMFuzzerInitialize(int *argc _unused_, char ***argv _unused_)
{
        char path[64];

        store_input_make(path);
        environment = store_input_open(path);
        assert(schema_load(environment, path, LOG_ERR, &schema) == 0);
        return atexit(close_environment);
}

static void read_links(Txn *txn)
{
        LinkList list = {};
        uint64_t count;
        bool more;
        int r;

        for (size_t i = 0; i < ARRAY_SIZE(authenticators); i++) {
                _cleanup_(link_freep) Link *link = NULL;

                r = link_table_get(txn, TENANCY, authenticators[i], &link);
                assert(r <= 0 || r == ERROR_NOT_FOUND);
                assert((r == 0) == (link != NULL));
                if (link)
                        assert(id_is_valid(link->authenticator_id));
                assert(!link || streq(link->authenticator_id, authenticators[i]));
        }
        r = link_table_list_by_user(txn, TENANCY, USER, &list);
        assert(r <= 0);
        for (size_t i = 0; i < list.n_links; i++)
                assert(streq(list.links[i]->user_id, USER));
        store_input_check_links(&list, SIZE_MAX);
        r = link_table_list(txn, TENANCY, NULL, 2, 65536, &list, &more);
        assert(r <= 0);
        store_input_check_links(&list, 2);
        r = link_table_list(txn, TENANCY, "pk1", 1000, 64, &list, &more);
        assert(r <= 0);
        store_input_check_links(&list, 1000);
        assert(link_table_count(txn, TENANCY, &count) <= 0);
}

static void read_rest(Txn *txn)
{
        _cleanup_(idempotency_record_clear) IdempotencyRecord answer = {};
        ExchangeIntentList exchanges = {};
        DeleteIntentList deletes = {};
        uint64_t number;
        int r;

        assert(intent_table_list_exchanges(txn, TENANCY, UINT64_MAX, &exchanges) <= 0);
        store_input_check_exchanges(&exchanges);
        assert(intent_table_list_deletes(txn, TENANCY, UINT64_MAX, &deletes) <= 0);
        store_input_check_deletes(&deletes);
        r = idempotency_table_get(txn, store_input_digest, &answer);
        assert(r <= 0 || r == ERROR_NOT_FOUND);
        assert(r != 0 || (answer.error == 0) == (answer.principal != NULL));
        (void) idempotency_table_last(txn, &number);
        (void) tombstone_table_latest(txn, &number);
        (void) intent_table_oldest(txn, &number);
        (void) intent_table_latest(txn, &number);
        (void) meta_table_get_time(txn, META_CLOCK, &number);
}

/* Changes: one for each transaction. */

static void add_link(Txn *txn, bool merge)
{
        const Link link = {.authenticator_id = (char *) "pk1",
                           .user_id = (char *) USER,
                           .platform_name = (char *) "Keychain",
                           .created_at_ms = 5};
        _cleanup_(link_freep) Link *read = NULL;
        TenancyRecord tenancy;
        bool newly_linked, is_known = tenancy_table_get(txn, TENANCY, &tenancy) == 0;
        int r;

        r = link_table_add(txn, TENANCY, &link, merge, &newly_linked);
        assert(r <= 0 || r == ERROR_LINK_CONFLICT || r == ERROR_LIMITS_EXCEEDED);
        /* Without a record of the tenancy, its number may be that of existing links. */
        if (r != 0 || (!is_known && !newly_linked))
                return;
        assert(link_table_get(txn, TENANCY, "pk1", &read) == 0 && streq(read->user_id, USER));
        assert(!merge || read->platform_name);
        assert(!newly_linked || read->id > 0);
}

static void remove_link(Txn *txn)
{
        _cleanup_(link_list_clear) LinkList removed = {};
        _cleanup_(link_freep) Link *read = NULL;
        int r;

        r = link_table_remove(txn, TENANCY, "pk1", NULL, &removed);
        assert(r <= 0 || r == ERROR_NOT_FOUND);
        if (r == 0) {
                assert(removed.n_links == 1);
                assert(link_table_get(txn, TENANCY, "pk1", &read) == ERROR_NOT_FOUND);
        }
}

static void remove_links_of_user(Txn *txn, size_t limit)
{
        _cleanup_(link_list_clear) LinkList removed = {}, left = {};
        bool more;
        int r;

        r = link_table_remove_by_user(txn, TENANCY, USER, limit, &removed, &more);
        assert(r <= 0);
        if (r < 0)
                return;
        assert(limit == 0 || removed.n_links <= limit);
        if (!more)
                assert(link_table_list_by_user(txn, TENANCY, USER, &left) == 0 &&
                       left.n_links == 0);
}

static void put_answer(Txn *txn)
{
        _cleanup_(idempotency_record_clear) IdempotencyRecord answer = {};

        assert(idempotency_table_prune(txn) <= 0);
        if (idempotency_table_put(txn, store_input_digest, &(IdempotencyRecord){.error = 3}) < 0)
                return;
        assert(idempotency_table_get(txn, store_input_digest, &answer) == 0 && answer.error == 3);
}

static void add_intents(Txn *txn)
{
        const ExchangeIntent exchange = {.user_id = (char *) USER, .wants_link = true};
        _cleanup_(exchange_record_clear) ExchangeRecord record = {};
        uint64_t id;

        if (intent_table_add_exchange(txn, TENANCY, &exchange, &id) == 0) {
                assert(intent_table_get_exchange(txn, id, &record) == 0);
                assert(streq(record.intent.user_id, USER));
                assert(intent_table_remove(txn, DATABASE_INTENTS, id) == 0);
        }
        (void) tombstone_table_add(txn, 1, TOMBSTONE_USER, USER);
        (void) tombstone_table_add_if_open(txn, TENANCY, TOMBSTONE_AUTHENTICATOR, "pk1");
}

static void apply_tombstones(Txn *txn)
{
        _cleanup_(recovery_freep) Recovery *recovery = calloc(1, sizeof(Recovery));
        RecoveryCandidate candidate = {};
        bool complete;

        assert(recovery && link_new("pk1", USER, NULL, 1, 0, &candidate.link) == 0);
        assert(recovery_add_candidate(recovery, &candidate) == 0);
        (void) tombstone_table_apply(txn, 1, recovery, &complete);
}

static void change_tables(Txn *txn, unsigned change)
{
        switch (change % 8) {
        case 0:
                add_link(txn, false);
                break;
        case 1:
                add_link(txn, true);
                break;
        case 2:
                remove_link(txn);
                break;
        case 3:
                remove_links_of_user(txn, 0);
                break;
        case 4:
                remove_links_of_user(txn, 1);
                break;
        case 5:
                put_answer(txn);
                break;
        case 6:
                add_intents(txn);
                break;
        case 7:
                apply_tombstones(txn);
                break;
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_(txn_end) Txn txn = {};
        StoreClock clock = {.last_id = 100};

        if (size == 0)
                return 0;
        assert(txn_begin(environment, &schema, 0, &txn) == 0);
        txn.clock = &clock;
        store_input_put(txn.mdb, &schema, data, size);
        read_links(&txn);
        read_rest(&txn);
        change_tables(&txn, *data);
        return 0;
}
