/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <endian.h>
#include <lmdb.h>

#include "base/log.h"
#include "daemon/store/lmdb/key.h"
#include "daemon/store/lmdb/record.h"
#include "daemon/store/lmdb/schema.h"
#include "tests/unit/daemon/store/store-fixture.h"

#define TENANCIES_MAX 64

typedef struct Audit {
        MDB_txn *txn;
        Schema schema;
        TenancyRecord tenancies[TENANCIES_MAX]; /* with their unverified links */
        size_t n_tenancies;
} Audit;

/* Iterates over a database. Returns the number of records. */
static size_t audit_each(Audit *a, Database database,
                         void (*check)(Audit *a, const MDB_val *key, const MDB_val *value))
{
        MDB_cursor *cursor;
        MDB_val key, value;
        size_t n = 0;
        int r;

        assert_int_equal(mdb_cursor_open(a->txn, a->schema.dbi[database], &cursor), 0);
        while ((r = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
                check(a, &key, &value);
                n++;
        }
        assert_int_equal(r, MDB_NOTFOUND);
        mdb_cursor_close(cursor);
        return n;
}

static void check_tenancy(Audit *a, const MDB_val *key, const MDB_val *value)
{
        TenancyRecord tenancy = {};

        assert_true(a->n_tenancies < TENANCIES_MAX);
        assert_int_equal(record_decode(&tenancy_record, value->mv_data, value->mv_size, &tenancy),
                         0);
        for (size_t i = 0; i < a->n_tenancies; i++)
                assert_int_not_equal(a->tenancies[i].number, tenancy.number);
        a->tenancies[a->n_tenancies++] = tenancy;
}

static uint32_t number_of(const MDB_val *key)
{
        uint32_t number;

        assert_true(key->mv_size > sizeof(number));
        memcpy(&number, key->mv_data, sizeof(number));
        return be32toh(number);
}

static unsigned has_user(Audit *a, Database database, const StoreKey *user, const StoreKey *link)
{
        MDB_val user_val = {.mv_data = (void *) user->bytes, .mv_size = user->len};
        MDB_val authenticator_val = {.mv_data = (void *) (link->bytes + KEY_TENANCY_LEN),
                                     .mv_size = link->len - KEY_TENANCY_LEN};
        MDB_cursor *cursor;
        int r;

        assert_int_equal(mdb_cursor_open(a->txn, a->schema.dbi[database], &cursor), 0);
        r = mdb_cursor_get(cursor, &user_val, &authenticator_val, MDB_GET_BOTH);
        mdb_cursor_close(cursor);
        assert_true(r == 0 || r == MDB_NOTFOUND);
        return r == 0;
}

static void check_link(Audit *a, const MDB_val *key, const MDB_val *value)
{
        _cleanup_(link_freep) Link *link = NULL;
        uint32_t number = number_of(key);
        StoreKey expected, user, user_3;
        size_t i = 0, n;

        assert_int_equal(
                record_to_link(key->mv_data, key->mv_size, value->mv_data, value->mv_size, &link),
                0);
        assert_int_equal(key_for_link(number, link->authenticator_id, &expected), 0);
        assert_int_equal(key->mv_size, expected.len);
        assert_memory_equal(key->mv_data, expected.bytes, expected.len);

        while (i < a->n_tenancies && a->tenancies[i].number != number)
                i++;
        assert_true(i < a->n_tenancies);
        assert_true(a->tenancies[i].n_links > 0);
        a->tenancies[i].n_links--;

        assert_int_equal(key_for_user(number, link->user_id, &user), 0);
        key_for_user_3(number, link->user_id, &user_3);
        n = has_user(a, DATABASE_USERS, &user, &expected) +
            has_user(a, DATABASE_USERS_3, &user_3, &expected);
        assert_int_equal(n, 1);
}

/* The link of a user's authenticator. */
static Link *get_link(Audit *a, const MDB_val *key, const MDB_val *value)
{
        MDB_val link_val, key_val;
        StoreKey link_key;
        Link *link = NULL;

        assert_int_equal(
                key_for_link_bytes(number_of(key), value->mv_data, value->mv_size, &link_key), 0);
        key_val = (MDB_val){.mv_data = link_key.bytes, .mv_size = link_key.len};
        assert_int_equal(mdb_get(a->txn, a->schema.dbi[DATABASE_LINKS], &key_val, &link_val), 0);
        assert_int_equal(record_to_link(key_val.mv_data, key_val.mv_size, link_val.mv_data,
                                        link_val.mv_size, &link),
                         0);
        return link;
}

static void check_user(Audit *a, const MDB_val *key, const MDB_val *value)
{
        _cleanup_(link_freep) Link *link = get_link(a, key, value);
        StoreKey user;

        assert_int_equal(key_for_user(number_of(key), link->user_id, &user), 0);
        assert_int_equal(key->mv_size, user.len);
        assert_memory_equal(key->mv_data, user.bytes, user.len);
}

static void check_user_3(Audit *a, const MDB_val *key, const MDB_val *value)
{
        _cleanup_(link_freep) Link *link = get_link(a, key, value);
        StoreKey user;

        key_for_user_3(number_of(key), link->user_id, &user);
        assert_int_equal(key->mv_size, user.len);
        assert_memory_equal(key->mv_data, user.bytes, user.len);
}

static void check_answer(Audit *a, const MDB_val *key, const MDB_val *value)
{
        _cleanup_(idempotency_record_clear) IdempotencyRecord answer = {};
        MDB_val expiry_val, nothing;
        StoreKey expiry;

        assert_int_equal(key->mv_size, IDEMPOTENCY_KEY_LEN);
        assert_int_equal(
                record_decode(&idempotency_record, value->mv_data, value->mv_size, &answer), 0);
        key_for_expiry(answer.expires_at_ms, key->mv_data, &expiry);
        expiry_val = (MDB_val){.mv_data = expiry.bytes, .mv_size = expiry.len};
        assert_int_equal(mdb_get(a->txn, a->schema.dbi[DATABASE_EXPIRIES], &expiry_val, &nothing),
                         0);
        assert_int_equal(nothing.mv_size, 0);
}

static void check_exchange(Audit *a, const MDB_val *key, const MDB_val *value)
{
        _cleanup_(exchange_record_clear) ExchangeRecord record = {};

        assert_int_equal(key->mv_size, 8);
        assert_int_equal(record_decode(&exchange_record, value->mv_data, value->mv_size, &record),
                         0);
}

static void check_delete(Audit *a, const MDB_val *key, const MDB_val *value)
{
        _cleanup_(delete_record_clear) DeleteRecord record = {};

        assert_int_equal(key->mv_size, 8);
        assert_int_equal(record_decode(&delete_record, value->mv_data, value->mv_size, &record), 0);
}

static void check_decision(Audit *a, const MDB_val *key, const MDB_val *value)
{
        TombstoneRecord record = {};

        assert_int_equal(key->mv_size, 8);
        assert_int_equal(record_decode(&tombstone_record, value->mv_data, value->mv_size, &record),
                         0);
}

static void check_nothing(Audit *a, const MDB_val *key, const MDB_val *value)
{
}

size_t audit(const char *directory)
{
        Audit a = {};
        MDB_env *env;
        size_t n_links, n_users;

        assert_int_equal(mdb_env_create(&env), 0);
        assert_int_equal(mdb_env_set_maxdbs(env, DATABASE_MAX), 0);
        assert_int_equal(mdb_env_open(env, directory, MDB_RDONLY | MDB_NOLOCK, 0), 0);
        assert_int_equal(schema_load(env, directory, LOG_ERR, &a.schema), 0);
        assert_int_equal(mdb_txn_begin(env, NULL, MDB_RDONLY, &a.txn), 0);

        audit_each(&a, DATABASE_TENANCIES, check_tenancy);
        n_links = audit_each(&a, DATABASE_LINKS, check_link);
        n_users = audit_each(&a, DATABASE_USERS, check_user);
        n_users += audit_each(&a, DATABASE_USERS_3, check_user_3);
        assert_int_equal(n_users, n_links);
        for (size_t i = 0; i < a.n_tenancies; i++)
                assert_int_equal(a.tenancies[i].n_links, 0);
        assert_int_equal(audit_each(&a, DATABASE_IDEMPOTENCY, check_answer),
                         audit_each(&a, DATABASE_EXPIRIES, check_nothing));

        audit_each(&a, DATABASE_INTENTS, check_exchange);
        audit_each(&a, DATABASE_DELETES, check_delete);
        audit_each(&a, DATABASE_TOMBSTONES, check_decision);

        mdb_txn_abort(a.txn);
        mdb_env_close(env);
        return n_links;
}
