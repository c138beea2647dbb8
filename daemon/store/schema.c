/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <endian.h>
#include <errno.h>

#include "base/log.h"
#include "daemon/store/schema.h"
#include "daemon/store/txn.h"

static const struct {
        const char *name;
        unsigned flags;
} databases[DATABASE_MAX] = {
        [DATABASE_META] = {"meta", 0},       [DATABASE_TENANCIES] = {"tenancies", 0},
        [DATABASE_LINKS] = {"links", 0},     [DATABASE_USERS] = {"users", MDB_DUPSORT},
        [DATABASE_ANSWERS] = {"answers", 0}, [DATABASE_EXPIRIES] = {"expiries", 0},
};

static MDB_val version_key(void)
{
        static char name[] = "schema";

        return (MDB_val){.mv_data = name, .mv_size = strlen(name)};
}

int schema_create(MDB_env *mdb)
{
        _cleanup_(txn_end) Txn txn = {};
        uint32_t version = htobe32(SCHEMA_VERSION);
        Schema schema = {};
        int r;

        r = txn_begin_write(mdb, &schema, &txn);
        if (r < 0)
                return r;
        for (size_t i = 0; i < DATABASE_MAX; i++) {
                r = mdb_dbi_open(txn.mdb, databases[i].name, databases[i].flags | MDB_CREATE,
                                 &schema.dbi[i]);
                if (r != 0)
                        return lmdb_errno(r);
        }
        r = txn_put(&txn, DATABASE_META, version_key(),
                    (MDB_val){.mv_data = &version, .mv_size = sizeof(version)});
        if (r < 0)
                return r;
        return txn_commit(&txn);
}

/* Opens a database that has to be there, and of that kind. */
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

static int schema_read_version(Txn *txn, uint32_t *ret)
{
        uint32_t version;
        MDB_val value;
        int r;

        r = txn_get(txn, DATABASE_META, version_key(), &value);
        if (r == -ENOENT || (r == 0 && value.mv_size != sizeof(version)))
                return -EMEDIUMTYPE;
        if (r < 0)
                return r;
        memcpy(&version, value.mv_data, sizeof(version));
        *ret = be32toh(version);
        return 0;
}

/* *ret_version is 0 for what has none. */
static int schema_read(MDB_env *mdb, Schema *ret, uint32_t *ret_version)
{
        _cleanup_(txn_end) Txn txn = {};
        int r;

        r = txn_begin_read(mdb, ret, &txn);
        if (r < 0)
                return r;
        r = schema_open_database(&txn, ret, DATABASE_META);
        if (r < 0)
                return r;
        r = schema_read_version(&txn, ret_version);
        if (r < 0)
                return r;
        if (*ret_version != SCHEMA_VERSION)
                return -EMEDIUMTYPE;
        for (Database database = DATABASE_META + 1; database < DATABASE_MAX; database++) {
                r = schema_open_database(&txn, ret, database);
                if (r < 0)
                        return r;
        }
        /* Only a transaction that is committed leaves its handles behind. */
        return txn_commit(&txn);
}

int schema_load(MDB_env *mdb, const char *directory, Schema *ret)
{
        uint32_t version = 0;
        Schema schema = {};
        int r;

        r = schema_read(mdb, &schema, &version);
        if (r == -EMEDIUMTYPE && version != 0 && version != SCHEMA_VERSION)
                log_error("The store in %s has schema %u, and this program knows %u", directory,
                          version, SCHEMA_VERSION);
        else if (r == -EMEDIUMTYPE)
                log_error("The database in %s is not a store of links, or a damaged one",
                          directory);
        else if (r < 0)
                log_error("Cannot read the store in %s: %s", directory, strerror(-r));
        if (r < 0)
                return r;

        *ret = schema;
        return 0;
}
