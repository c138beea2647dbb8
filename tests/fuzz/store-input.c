/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/log.h"
#include "daemon/audit/audit.h"
#include "daemon/model/valid.h"
#include "daemon/store/store.h"
#include "tests/fuzz/store-input.h"

const uint8_t store_input_digest[IDEMPOTENCY_KEY_LEN] = "digest";

static char directory[64];

/* Failures are expected. */
void __wrap_audit_write(const Audit *audit);
void __wrap_audit_write(const Audit *audit)
{
        assert(audit->event == EVENT_STORE_FAILED || audit->event == EVENT_STORE_FULL);
}

static void remove_directory(void)
{
        fuzz_remove_tree(directory);
}

void store_input_make(char ret_path[static 64])
{
        Store *store;

        log_set_max_level(LOG_CRIT); /* corrupt records are logged */
        fuzz_make_directory(directory);
        assert(atexit(remove_directory) == 0);
        assert(store_open(directory, &store) == 0 && !store_free(store));
        strcpy(ret_path, directory);
}

MDB_env *store_input_open(const char *path)
{
        MDB_env *env;

        assert(mdb_env_create(&env) == 0 && mdb_env_set_maxdbs(env, 16) == 0);
        assert(mdb_env_open(env, path, MDB_NOSYNC | MDB_NOLOCK, 0600) == 0);
        return env;
}

typedef struct Input {
        const uint8_t *data;
        size_t size;
} Input;

static bool take_record(Input *input, Database *ret_database, MDB_val *ret_key, MDB_val *ret)
{
        const uint8_t *data = input->data;
        size_t key_len, len;

        if (input->size < 4)
                return false;
        key_len = data[1];
        len = (size_t) data[2] << 8 | data[3];
        if (input->size < 4 + key_len + len)
                return false;
        *ret_database = data[0] % DATABASE_MAX;
        *ret_key = (MDB_val){.mv_data = (void *) (data + 4), .mv_size = key_len};
        *ret = (MDB_val){.mv_data = (void *) (data + 4 + key_len), .mv_size = len};
        input->data += 4 + key_len + len;
        input->size -= 4 + key_len + len;
        return true;
}

/* LMDB refuses empty keys, and long values of the user index. */
void store_input_put(MDB_txn *txn, const Schema *schema, const uint8_t *data, size_t size)
{
        Input input = {data + 1, size - 1};
        Database database;
        MDB_val key, value;

        while (take_record(&input, &database, &key, &value))
                (void) mdb_put(txn, schema->dbi[database], &key, &value, 0);
}

static void check_link(const Link *link)
{
        assert(id_is_valid(link->authenticator_id) && user_id_is_valid(link->user_id));
}

void store_input_check_links(LinkList *list, size_t n_max)
{
        assert(list->n_links <= n_max);
        for (size_t i = 0; i < list->n_links; i++)
                check_link(list->links[i]);
        link_list_clear(list);
}

void store_input_check_exchanges(ExchangeIntentList *list)
{
        for (size_t i = 0; i < list->n_intents; i++) {
                assert(!list->intents[i].user_id || user_id_is_valid(list->intents[i].user_id));
                assert(i == 0 || list->intents[i].id > list->intents[i - 1].id);
        }
        exchange_intent_list_clear(list);
}

void store_input_check_deletes(DeleteIntentList *list)
{
        for (size_t i = 0; i < list->n_intents; i++)
                for (size_t j = 0; j < list->intents[i].links.n_links; j++)
                        assert(id_is_valid(list->intents[i].links.links[j]->authenticator_id));
        delete_intent_list_clear(list);
}
