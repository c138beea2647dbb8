/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <endian.h>
#include <errno.h>

#include "base/log.h"
#include "daemon/store/lmdb/record.h"
#include "daemon/store/lmdb/schema.h"
#include "daemon/store/lmdb/txn.h"

#define VERSION_KEY "schema"

static const struct {
        const char *name;
        unsigned flags;
} databases[DATABASE_MAX] = {
        [DATABASE_META] = {"meta", 0},
        [DATABASE_TENANCIES] = {"tenancies", 0},
        [DATABASE_LINKS] = {"links", 0},
        [DATABASE_USERS_3] = {"users", MDB_DUPSORT},
        [DATABASE_USERS] = {"user-links", MDB_DUPSORT},
        [DATABASE_IDEMPOTENCY] = {"answers", 0},
        [DATABASE_EXPIRIES] = {"expiries", 0},
        [DATABASE_INTENTS] = {"intents", 0},
        [DATABASE_DELETES] = {"deletes", 0},
        [DATABASE_TOMBSTONES] = {"decisions", 0},
        [DATABASE_OUTBOX] = {"outbox", 0},
};

/* Opens all databases, and creates missing ones. */
static int create_databases(Txn *txn, Schema *schema)
{
        for (size_t i = 0; i < DATABASE_MAX; i++) {
                int r = mdb_dbi_open(txn->mdb, databases[i].name, databases[i].flags | MDB_CREATE,
                                     &schema->dbi[i]);

                if (r != 0)
                        return lmdb_errno(r);
        }
        return 0;
}

static int write_version(Txn *txn)
{
        uint32_t version = htobe32(SCHEMA_VERSION);

        return txn_put(txn, DATABASE_META, string_val(VERSION_KEY),
                       (MDB_val){.mv_data = &version, .mv_size = sizeof(version)});
}

static int upgrade_tenancy(MDB_cursor *cursor, MDB_val key, MDB_val value)
{
        _cleanup_(record_clear) Record record = {};
        uint8_t copy[KEY_LEN_MAX]; /* writing invalidates the cursor's memory */
        TenancyRecord tenancy = {};
        int r;

        if (key.mv_size > sizeof(copy))
                return -EMEDIUMTYPE;
        memcpy(copy, key.mv_data, key.mv_size);
        key.mv_data = copy;
        r = record_decode(&tenancy_1_record, value.mv_data, value.mv_size, &tenancy);
        if (r == 0)
                r = record_encode(&tenancy_record, &tenancy, &record);
        if (r < 0)
                return r;
        value = (MDB_val){.mv_data = record.bytes, .mv_size = record.len};
        return lmdb_errno(mdb_cursor_put(cursor, &key, &value, MDB_CURRENT));
}

static int upgrade_tenancies(Txn *txn)
{
        _cleanup_(mdb_cursor_closep) MDB_cursor *cursor = NULL;
        MDB_val key, value;
        int r;

        r = txn_cursor(txn, DATABASE_TENANCIES, &cursor);
        if (r < 0)
                return r;
        for (r = cursor_get(cursor, MDB_FIRST, &key, &value); r == 0;
             r = cursor_get(cursor, MDB_NEXT, &key, &value)) {
                r = upgrade_tenancy(cursor, key, value);
                if (r < 0)
                        return r;
        }
        return r == -ENOENT ? 0 : r;
}

int schema_upgrade(MDB_env *mdb, uint32_t version)
{
        _cleanup_(txn_end) Txn txn = {};
        Schema schema = {};
        int r;

        r = txn_begin(mdb, &schema, 0, &txn);
        if (r == 0)
                r = create_databases(&txn, &schema);
        if (r == 0 && version == 1)
                r = upgrade_tenancies(&txn);
        if (r == 0)
                r = write_version(&txn);
        return r < 0 ? r : txn_commit(&txn);
}

/* Opens an existing database and checks its flags. */
static int schema_open_database(Txn *txn, Schema *schema, Database database)
{
        unsigned flags;
        int r;

        r = mdb_dbi_open(txn->mdb, databases[database].name, databases[database].flags,
                         &schema->dbi[database]);
        if (r == 0)
                r = mdb_dbi_flags(txn->mdb, schema->dbi[database], &flags);
        if (r == MDB_NOTFOUND || (r == 0 && flags != databases[database].flags))
                return -EMEDIUMTYPE;
        return lmdb_errno(r);
}

static int read_version(Txn *txn, uint32_t *ret)
{
        uint32_t version;
        MDB_val value;
        int r;

        r = txn_get(txn, DATABASE_META, string_val(VERSION_KEY), &value);
        if (r == -ENOENT || (r == 0 && value.mv_size != sizeof(version)))
                return -EMEDIUMTYPE;
        if (r < 0)
                return r;
        memcpy(&version, value.mv_data, sizeof(version));
        *ret = be32toh(version);
        return 0;
}

int schema_read_version(MDB_env *mdb, uint32_t *ret)
{
        _cleanup_(txn_end) Txn txn = {};
        Schema schema = {};
        int r;

        *ret = 0;
        r = txn_begin(mdb, &schema, MDB_RDONLY, &txn);
        if (r == 0)
                r = schema_open_database(&txn, &schema, DATABASE_META);
        if (r == 0)
                r = read_version(&txn, ret);
        return r == -EMEDIUMTYPE ? 0 : r;
}

static int schema_read(MDB_env *mdb, Schema *ret)
{
        _cleanup_(txn_end) Txn txn = {};
        int r;

        r = txn_begin(mdb, ret, MDB_RDONLY, &txn);
        for (Database database = 0; r == 0 && database < DATABASE_MAX; database++)
                r = schema_open_database(&txn, ret, database);
        /* Database handles survive a commit only. */
        return r < 0 ? r : txn_commit(&txn);
}

int schema_load(MDB_env *mdb, const char *directory, int level, Schema *ret)
{
        uint32_t version;
        Schema schema = {};
        int r;

        r = schema_read_version(mdb, &version);
        if (r == 0)
                r = version == SCHEMA_VERSION ? schema_read(mdb, &schema) : -EMEDIUMTYPE;
        if (r == 0) {
                *ret = schema;
                return 0;
        }
        if (r != -EMEDIUMTYPE)
                log_at(level, "Failed to read the store in %s: %s", directory, strerror(-r));
        else if (version == 0 || version == SCHEMA_VERSION)
                log_at(level, "Failed to open the store in %s: not a passlockd store, or damaged",
                       directory);
        else
                log_at(level,
                       "Failed to open the store in %s: schema version %u is not "
                       "supported, only version %u",
                       directory, version, SCHEMA_VERSION);
        return r;
}
