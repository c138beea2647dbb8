/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/log.h"
#include "daemon/store/lmdb/key.h"
#include "daemon/store/lmdb/record.h"
#include "daemon/store/lmdb/schema.h"
#include "tests/unit/daemon/store/store-fixture.h"

#define DATA "data.mdb"

static void check_mode(const char *directory, const char *name)
{
        char path[128];
        struct stat st;

        snprintf(path, sizeof(path), "%s/%s", directory, name);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
}

static void test_files(void **state)
{
        Fixture *f = *state;
        char path[128];

        check_mode(f->directory, DATA);
        check_mode(f->directory, "lock.mdb");
        snprintf(path, sizeof(path), "%s/new.mdb", f->directory);
        assert_int_equal(access(path, F_OK), -1);
}

static void test_no_directory(void **state)
{
        Fixture *f = *state;
        Store *untouched = (Store *) 1;
        char path[128];

        snprintf(path, sizeof(path), "%s/missing", f->directory);
        assert_int_equal(store_open(path, &untouched), -ENOENT);
        snprintf(path, sizeof(path), "%s/" DATA, f->directory);
        assert_int_equal(store_open(path, &untouched), -ENOTDIR);
        assert_ptr_equal(untouched, (Store *) 1);
}

static void test_one_at_a_time(void **state)
{
        Fixture *f = *state;
        Store *second = (Store *) 1;

        assert_int_equal(store_open(f->directory, &second), -EBUSY);
        assert_ptr_equal(second, (Store *) 1);
        assert_int_equal(add(f->store, "t", "ada", "auth", NULL), 0);
        fixture_reopen(f);
        assert_string_equal(user_of(f->store, "t", "auth"), "ada");
}

/* An interrupted creation does not prevent the next. */
static void test_left_over(void **state)
{
        Fixture *f = *state;
        char path[128];

        f->store = store_free(f->store);
        snprintf(path, sizeof(path), "%s/" DATA, f->directory);
        assert_int_equal(unlink(path), 0);
        write_file(f->directory, "new.mdb", "half of", 7);
        assert_int_equal(store_open(f->directory, &f->store), 0);
        assert_int_equal(count(f->store, "t"), 0);
}

/* Refused with that error and unchanged. */
static void check_refused(Fixture *f, int error)
{
        _cleanup_(freep) void *before = NULL, *after = NULL;
        Store *untouched = (Store *) 1;
        size_t n_before, n_after;

        before = read_file(f->directory, DATA, &n_before);
        assert_int_equal(store_open(f->directory, &untouched), error);
        assert_ptr_equal(untouched, (Store *) 1);
        after = read_file(f->directory, DATA, &n_after);
        assert_int_equal(n_before, n_after);
        assert_memory_equal(before, after, n_before);
}

static void test_foreign(void **state)
{
        Fixture *f = *state;
        _cleanup_(freep) char *text = make_id(100000, 1);
        const size_t lens[] = {0, 1, 15, 4095, 4096, 8191, 8192, 100000};
        _cleanup_(freep) uint8_t *zeroes = calloc(1, 100000);

        f->store = store_free(f->store);
        for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
                write_file(f->directory, DATA, text, lens[i]);
                check_refused(f, -EMEDIUMTYPE);
                write_file(f->directory, DATA, zeroes, lens[i]);
                check_refused(f, -EMEDIUMTYPE);
        }
}

static void test_cut_off(void **state)
{
        Fixture *f = *state;
        _cleanup_(freep) uint8_t *bytes = NULL;
        Outcome outcome = {};
        MDB_envinfo info;
        MDB_env *env;
        size_t len, used;

        for (unsigned i = 0; i < 100; i++) {
                _cleanup_(freep) char *id = make_id(500, i);

                add_later(f->store, "t", "ada", id, &outcome);
        }
        outcome_wait(f->store, &outcome, 100);
        f->store = store_free(f->store);

        assert_int_equal(mdb_env_create(&env), 0);
        assert_int_equal(mdb_env_open(env, f->directory, MDB_RDONLY | MDB_NOLOCK, 0), 0);
        assert_int_equal(mdb_env_info(env, &info), 0);
        mdb_env_close(env);
        used = (info.me_last_pgno + 1) * (size_t) sysconf(_SC_PAGESIZE);

        bytes = read_file(f->directory, DATA, &len);
        assert_true(used > 16 * 4096 && used < len);
        for (size_t cut = 0; cut < used; cut += 4096) {
                write_file(f->directory, DATA, bytes, cut);
                check_refused(f, -EMEDIUMTYPE);
        }
        write_file(f->directory, DATA, bytes, used - 1);
        check_refused(f, -EMEDIUMTYPE);

        /* A file without its unused pages is complete. */
        write_file(f->directory, DATA, bytes, used);
        assert_int_equal(store_open(f->directory, &f->store), 0);
        assert_int_equal(count(f->store, "t"), 100);
}

/* Makes a store with this meta record; none if `len` is 0. */
static void make_other_store(const char *directory, const char *key, const void *value, size_t len)
{
        MDB_val k = {.mv_data = (void *) key, .mv_size = strlen(key)},
                v = {.mv_data = (void *) value, .mv_size = len};
        MDB_env *env;
        MDB_txn *txn;
        MDB_dbi dbi;

        assert_int_equal(mdb_env_create(&env), 0);
        assert_int_equal(mdb_env_set_maxdbs(env, 16), 0);
        assert_int_equal(mdb_env_open(env, directory, 0, 0600), 0);
        assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
        assert_int_equal(mdb_dbi_open(txn, len > 0 ? "meta" : "other", MDB_CREATE, &dbi), 0);
        assert_int_equal(mdb_put(txn, dbi, &k, &v, 0), 0);
        assert_int_equal(mdb_txn_commit(txn), 0);
        mdb_env_close(env);
}

static void remove_data(Fixture *f)
{
        char path[128];

        snprintf(path, sizeof(path), "%s/" DATA, f->directory);
        assert_int_equal(unlink(path), 0);
}

static void test_other_databases(void **state)
{
        Fixture *f = *state;
        uint32_t version = htobe32(SCHEMA_VERSION);

        f->store = store_free(f->store);
        remove_data(f);
        make_other_store(f->directory, "key", "", 0);
        check_refused(f, -EMEDIUMTYPE);

        remove_data(f);
        make_other_store(f->directory, "version", "1", 1);
        check_refused(f, -EMEDIUMTYPE);

        remove_data(f);
        make_other_store(f->directory, "schema", &version, sizeof(version) - 1);
        check_refused(f, -EMEDIUMTYPE);

        /* The current version, but no databases. */
        remove_data(f);
        make_other_store(f->directory, "schema", &version, sizeof(version));
        check_refused(f, -EMEDIUMTYPE);
}

static void test_other_version(void **state)
{
        Fixture *f = *state;
        const uint32_t versions[] = {0, SCHEMA_VERSION + 1, UINT32_MAX, 1U << 24};

        assert_int_equal(add(f->store, "t", "ada", "auth", NULL), 0);
        f->store = store_free(f->store);
        for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
                uint32_t version = htobe32(versions[i]);

                make_other_store(f->directory, "schema", &version, sizeof(version));
                check_refused(f, -EMEDIUMTYPE);
        }
        make_other_store(f->directory, "schema", &(uint32_t){htobe32(SCHEMA_VERSION)}, 4);
        assert_int_equal(store_open(f->directory, &f->store), 0);
        assert_string_equal(user_of(f->store, "t", "auth"), "ada");
}

/* Tenancy records of schema 1 ended in the time since which exchanges were open. */
static void downgrade_tenancies(MDB_txn *txn)
{
        MDB_cursor *cursor;
        MDB_val key, value;
        MDB_dbi dbi;
        int r;

        assert_int_equal(mdb_dbi_open(txn, "tenancies", 0, &dbi), 0);
        assert_int_equal(mdb_cursor_open(txn, dbi, &cursor), 0);
        for (r = mdb_cursor_get(cursor, &key, &value, MDB_FIRST); r == 0;
             r = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
                uint8_t record[64] = {}, name[64];

                assert_in_range(key.mv_size, 1, sizeof(name));
                assert_in_range(value.mv_size, 1, sizeof(record) - sizeof(uint64_t));
                memcpy(name, key.mv_data, key.mv_size);
                memcpy(record, value.mv_data, value.mv_size);
                record[0] = 1;
                key.mv_data = name;
                value = (MDB_val){.mv_data = record, .mv_size = value.mv_size + sizeof(uint64_t)};
                assert_int_equal(mdb_cursor_put(cursor, &key, &value, MDB_CURRENT), 0);
        }
        mdb_cursor_close(cursor);
}

static size_t put_text(uint8_t *bytes, const char *text)
{
        size_t len = strlen(text);

        bytes[0] = (uint8_t) (len >> 8);
        bytes[1] = (uint8_t) len;
        memcpy(bytes + 2, text, len);
        return 2 + len;
}

/* Writes the record of a link as in schema 3 (version 2), or schema 2 (version 1, without id), and
 * its entry in the user index. */
static void downgrade_link(MDB_txn *txn, MDB_dbi links, MDB_dbi users, uint8_t version,
                           const StoreKey *key, const Link *link)
{
        uint64_t numbers[] = {htobe64(link->created_at_ms), htobe64(link->last_used_at_ms),
                              htobe64(link->id)};
        MDB_val where = {.mv_data = (void *) key->bytes, .mv_size = key->len};
        uint8_t record[2048] = {version};
        size_t len = 1, n_numbers = version == 1 ? 2 : 3;
        MDB_val value = {.mv_data = record};
        uint32_t tenancy;
        StoreKey user;

        len += put_text(record + len, link->authenticator_id);
        len += put_text(record + len, link->user_id);
        record[len] = link->platform_name != NULL;
        len += 1;
        if (link->platform_name)
                len += put_text(record + len, link->platform_name);
        memcpy(record + len, numbers, n_numbers * sizeof(uint64_t));
        value.mv_size = len + n_numbers * sizeof(uint64_t);
        assert_int_equal(mdb_put(txn, links, &where, &value, 0), 0);

        memcpy(&tenancy, key->bytes, sizeof(tenancy));
        key_for_user_3(be32toh(tenancy), link->user_id, &user);
        where = (MDB_val){.mv_data = user.bytes, .mv_size = user.len};
        value = (MDB_val){.mv_data = (void *) (key->bytes + KEY_TENANCY_LEN),
                          .mv_size = key->len - KEY_TENANCY_LEN};
        assert_int_equal(mdb_put(txn, users, &where, &value, 0), 0);
}

static void downgrade_links(MDB_txn *txn, uint8_t version)
{
        MDB_cursor *cursor;
        MDB_val key_val, value;
        MDB_dbi links, users;
        int r;

        assert_int_equal(mdb_dbi_open(txn, "user-links", MDB_DUPSORT, &users), 0);
        assert_int_equal(mdb_drop(txn, users, 1), 0);
        assert_int_equal(mdb_dbi_open(txn, "links", 0, &links), 0);
        assert_int_equal(mdb_dbi_open(txn, "users", MDB_DUPSORT, &users), 0);
        assert_int_equal(mdb_cursor_open(txn, links, &cursor), 0);
        for (r = mdb_cursor_get(cursor, &key_val, &value, MDB_FIRST); r == 0;
             r = mdb_cursor_get(cursor, &key_val, &value, MDB_NEXT)) {
                _cleanup_(link_freep) Link *link = NULL;
                StoreKey key = {.len = key_val.mv_size};

                memcpy(key.bytes, key_val.mv_data, key.len);
                assert_int_equal(
                        record_to_link(key.bytes, key.len, value.mv_data, value.mv_size, &link), 0);
                downgrade_link(txn, links, users, version, &key, link);
        }
        assert_int_equal(r, MDB_NOTFOUND);
        mdb_cursor_close(cursor);
}

/* Converts a closed store without intents to schema 3 or 2. */
static void downgrade_to(uint32_t schema, const char *directory)
{
        MDB_env *env;
        MDB_txn *txn;

        assert_int_equal(mdb_env_create(&env), 0);
        assert_int_equal(mdb_env_set_maxdbs(env, 16), 0);
        assert_int_equal(mdb_env_open(env, directory, 0, 0600), 0);
        assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
        downgrade_links(txn, (uint8_t) (schema - 1));
        assert_int_equal(mdb_txn_commit(txn), 0);
        mdb_env_close(env);
        make_other_store(directory, "schema", &(uint32_t){htobe32(schema)}, 4);
}

/* Links without ids are found, and removed if they are still the same. */
static void test_upgrade_from_2(void **state)
{
        Fixture *f = *state;
        _cleanup_(link_list_clear) LinkList links = {};
        Outcome outcome = {};

        for (const char *id = "123"; *id; id++)
                assert_int_equal(add(f->store, "t", "ada", (char[]){*id, '\0'}, NULL), 0);
        f->store = store_free(f->store);
        downgrade_to(2, f->directory);

        assert_int_equal(store_open(f->directory, &f->store), 0);
        assert_int_equal(store_list_by_user(f->store, "t", "ada", &links), 0);
        assert_int_equal(links.n_links, 3);
        assert_int_equal(links.links[0]->id, 0);
        assert_int_equal(remove_one(f->store, "t", "1"), 0);
        assert_int_equal(add(f->store, "t", "ada", "1", NULL), 0);
        assert_int_equal(remove_one(f->store, "t", "2"), 0);
        assert_int_equal(add(f->store, "t", "eve", "2", NULL), 0);
        assert_int_equal(
                store_remove_unchanged(f->store, "t", &links, 0, on_removed, &outcome, NULL), 0);
        outcome_wait(f->store, &outcome, 1);
        assert_int_equal(outcome.n_removed, 1);
        assert_string_equal(outcome.first_removed, "ada 3");
        outcome_clear(&outcome);
        fixture_reopen(f);
        assert_int_equal(count(f->store, "t"), 2);
}

/* Links of schema 3 are found by authenticator and user, counted, changed and removed. */
static void test_upgrade_from_3(void **state)
{
        Fixture *f = *state;
        _cleanup_(freep) char *long_id = make_id(512, 7);
        _cleanup_(link_list_clear) LinkList links = {}, more = {};
        _cleanup_(link_freep) Link *again = make_link("1", "ada", 1000);
        size_t n_removed;

        assert_int_equal(add(f->store, "t", "ada", "1", NULL), 0);
        assert_int_equal(add(f->store, "t", "ada", long_id, NULL), 0);
        assert_int_equal(add(f->store, "t", "eve", "2", NULL), 0);
        assert_int_equal(store_list_by_user(f->store, "t", "ada", &links), 0);
        f->store = store_free(f->store);
        downgrade_to(3, f->directory);

        assert_int_equal(store_open(f->directory, &f->store), 0);
        assert_int_equal(add(f->store, "t", "ada", "3", NULL), 0);
        assert_int_equal(exchange(f->store, "t", &(ExchangeOutcome){.link = again}, NULL), 0);
        fixture_reopen(f);
        assert_string_equal(user_of(f->store, "t", long_id), "ada");
        assert_int_equal(store_list_by_user(f->store, "t", "ada", &more), 0);
        assert_int_equal(more.n_links, 3);
        for (size_t i = 0; i < 2; i++) {
                assert_string_equal(more.links[i]->authenticator_id,
                                    links.links[i]->authenticator_id);
                assert_true(link_is_same(more.links[i], links.links[i]));
                assert_true(more.links[i]->created_at_ms == links.links[i]->created_at_ms);
        }
        assert_int_equal(more.links[0]->last_used_at_ms, 1000);
        assert_int_equal(remove_one(f->store, "t", "1"), 0);
        assert_int_equal(remove_user(f->store, "t", "ada", &n_removed), 0);
        assert_int_equal(n_removed, 2);
        fixture_reopen(f);
        assert_int_equal(count(f->store, "t"), 1);
}

/* Fills the map until no page is free. */
static void fill_map(const char *directory)
{
        static uint8_t filler[2048];
        MDB_val key = {.mv_data = filler, .mv_size = 4}, value = {.mv_data = filler};
        unsigned n_failed = 0;
        MDB_env *env;

        assert_int_equal(mdb_env_create(&env), 0);
        assert_int_equal(mdb_env_set_maxdbs(env, 16), 0);
        assert_int_equal(mdb_env_open(env, directory, 0, 0600), 0);
        for (uint32_t n = 0; n_failed < 8; n++) {
                MDB_txn *txn;
                MDB_dbi dbi;
                int r;

                memcpy(filler, &n, sizeof(n));
                value.mv_size = n_failed > 0 ? 1 : sizeof(filler);
                assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
                assert_int_equal(mdb_dbi_open(txn, "meta", 0, &dbi), 0);
                r = mdb_put(txn, dbi, &key, &value, 0);
                r = r == 0 ? mdb_txn_commit(txn) : (mdb_txn_abort(txn), r);
                assert_true(r == 0 || r == MDB_MAP_FULL);
                n_failed += r != 0;
        }
        mdb_env_close(env);
}

static void test_upgrade_when_full(void **state)
{
        Fixture *f = *state;

        assert_int_equal(add(f->store, "t", "ada", "auth", NULL), 0);
        f->store = store_free(f->store);
        downgrade_to(2, f->directory);
        fill_map(f->directory);
        assert_int_equal(store_open(f->directory, &f->store), 0);
        assert_string_equal(user_of(f->store, "t", "auth"), "ada");
}

/* Converts a closed store without intents and tombstones to schema 1. */
static void downgrade(const char *directory)
{
        static const char *const later[] = {"intents", "deletes", "decisions"};
        MDB_env *env;
        MDB_txn *txn;
        MDB_dbi dbi;

        assert_int_equal(mdb_env_create(&env), 0);
        assert_int_equal(mdb_env_set_maxdbs(env, 16), 0);
        assert_int_equal(mdb_env_open(env, directory, 0, 0600), 0);
        assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
        for (size_t i = 0; i < ARRAY_SIZE(later); i++) {
                assert_int_equal(mdb_dbi_open(txn, later[i], 0, &dbi), 0);
                assert_int_equal(mdb_drop(txn, dbi, 1), 0);
        }
        downgrade_tenancies(txn);
        downgrade_links(txn, 1);
        assert_int_equal(mdb_txn_commit(txn), 0);
        mdb_env_close(env);
        make_other_store(directory, "schema", &(uint32_t){htobe32(1)}, 4);
}

static void test_upgrade(void **state)
{
        Fixture *f = *state;

        for (unsigned i = 0; i < 50; i++) {
                _cleanup_(freep) char *id = make_id(64, i);

                assert_int_equal(add(f->store, i % 2 ? "t" : "u", "ada", id, NULL), 0);
        }
        f->store = store_free(f->store);
        downgrade(f->directory);

        assert_int_equal(store_open(f->directory, &f->store), 0);
        assert_int_equal(count(f->store, "t"), 25);
        assert_int_equal(count_of_user(f->store, "u", "ada"), 25);
        assert_true(begin_exchange(f->store, "t", NULL, NULL) > 0);
        assert_int_equal(add(f->store, "t", "ada", "auth", NULL), 0);
        fixture_reopen(f);
        assert_int_equal(count(f->store, "t"), 26);
}

/* Errors are found before anything is written. */
static void test_upgrade_of_a_broken_store(void **state)
{
        Fixture *f = *state;

        assert_int_equal(add(f->store, "t", "ada", "auth", NULL), 0);
        f->store = store_free(f->store);
        /* The records are those of schema 2. */
        make_other_store(f->directory, "schema", &(uint32_t){htobe32(1)}, 4);
        check_refused(f, -EBADMSG);
}

/* A damaged key: the next id would overflow. */
static void test_last_id(void **state)
{
        Fixture *f = *state;
        uint8_t key[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
        MDB_env *env;
        MDB_txn *txn;
        MDB_dbi dbi;

        dbi = fixture_open_database(f, "decisions", 0, &env, &txn);
        assert_int_equal(mdb_put(txn, dbi, &(MDB_val){.mv_data = key, .mv_size = sizeof(key)},
                                 &(MDB_val){.mv_data = key, .mv_size = sizeof(key)}, 0),
                         0);
        assert_int_equal(mdb_txn_commit(txn), 0);
        mdb_env_close(env);
        check_refused(f, -EMEDIUMTYPE);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_files),
                TEST(test_no_directory),
                TEST(test_one_at_a_time),
                TEST(test_left_over),
                TEST(test_foreign),
                TEST(test_cut_off),
                TEST(test_other_databases),
                TEST(test_other_version),
                TEST(test_upgrade),
                TEST(test_upgrade_of_a_broken_store),
                TEST(test_upgrade_from_2),
                TEST(test_upgrade_from_3),
                TEST(test_upgrade_when_full),
                TEST(test_last_id),
        };

        log_set_max_level(LOG_CRIT);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
