/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "daemon/store/store.h"
#include "daemon/store/tables/idempotency-table.h"
#include "dbus/error.h"

#define PRUNE_MAX 8U

static MDB_val idempotency_key_val(const uint8_t key[static IDEMPOTENCY_KEY_LEN])
{
        return (MDB_val){.mv_data = (void *) key, .mv_size = IDEMPOTENCY_KEY_LEN};
}

/* Also finds expired records. */
static int idempotency_table_find(Txn *txn, const uint8_t key[static IDEMPOTENCY_KEY_LEN],
                                  IdempotencyRecord *ret)
{
        int r;

        r = txn_get_record(txn, DATABASE_IDEMPOTENCY, idempotency_key_val(key), &idempotency_record,
                           ret);
        return r == -ENOENT ? ERROR_NOT_FOUND : r;
}

int idempotency_table_get(Txn *txn, const uint8_t key[static IDEMPOTENCY_KEY_LEN],
                          IdempotencyRecord *ret)
{
        _cleanup_(idempotency_record_clear) IdempotencyRecord answer = {};
        int r;

        r = idempotency_table_find(txn, key, &answer);
        if (r != 0)
                return r;
        if (answer.expires_at_ms <= store_clock_now_ms(txn->clock))
                return ERROR_NOT_FOUND;
        *ret = TAKE(answer, (IdempotencyRecord){});
        return 0;
}

static int idempotency_table_delete_expiry(Txn *txn, const uint8_t key[static IDEMPOTENCY_KEY_LEN],
                                           uint64_t expires_at_ms)
{
        StoreKey expiry;

        key_for_expiry(expires_at_ms, key, &expiry);
        return txn_delete(txn, DATABASE_EXPIRIES, key_val(&expiry), NULL);
}

static int idempotency_table_replace(Txn *txn, const uint8_t key[static IDEMPOTENCY_KEY_LEN],
                                     const IdempotencyRecord *answer)
{
        _cleanup_(idempotency_record_clear) IdempotencyRecord old = {};
        StoreKey expiry;
        int r;

        r = idempotency_table_find(txn, key, &old);
        if (r == 0)
                r = idempotency_table_delete_expiry(txn, key, old.expires_at_ms);
        if (r < 0)
                return r;

        r = txn_put_record(txn, DATABASE_IDEMPOTENCY, idempotency_key_val(key), &idempotency_record,
                           answer);
        if (r < 0)
                return r;
        key_for_expiry(answer->expires_at_ms, key, &expiry);
        return txn_put(txn, DATABASE_EXPIRIES, key_val(&expiry), (MDB_val){});
}

int idempotency_table_put(Txn *txn, const uint8_t key[static IDEMPOTENCY_KEY_LEN],
                          const IdempotencyRecord *answer)
{
        IdempotencyRecord dated = *answer; /* lent */

        dated.expires_at_ms = store_clock_now_ms(txn->clock) + STORE_IDEMPOTENCY_TTL_MS;
        return idempotency_table_replace(txn, key, &dated);
}

int idempotency_table_set(Txn *txn, const uint8_t key[static IDEMPOTENCY_KEY_LEN],
                          const IdempotencyRecord *answer)
{
        int r;

        r = idempotency_table_prune(txn);
        return r < 0 ? r : idempotency_table_put(txn, key, answer);
}

/* Gets the record that expires first (MDB_FIRST) or last (MDB_LAST). Returns 0, -ENOENT or another
 * negative errno. */
static int idempotency_table_end(Txn *txn, MDB_cursor_op op, uint64_t *ret_expires_at_ms,
                                 uint8_t ret_key[static IDEMPOTENCY_KEY_LEN])
{
        MDB_val expiry, nothing;
        int r;

        r = txn_get_end(txn, DATABASE_EXPIRIES, op, &expiry, &nothing);
        if (r < 0)
                return r;
        return key_parse_expiry(expiry.mv_data, expiry.mv_size, ret_expires_at_ms, ret_key);
}

int idempotency_table_last(Txn *txn, uint64_t *ret_expires_at_ms)
{
        uint8_t key[IDEMPOTENCY_KEY_LEN];
        int r;

        *ret_expires_at_ms = 0;
        r = idempotency_table_end(txn, MDB_LAST, ret_expires_at_ms, key);
        return r == -ENOENT || r == -EBADMSG ? 0 : r;
}

int idempotency_table_prune(Txn *txn)
{
        uint64_t now_ms = store_clock_now_ms(txn->clock);

        for (unsigned i = 0; i < PRUNE_MAX; i++) {
                uint8_t key[IDEMPOTENCY_KEY_LEN];
                uint64_t expires_at_ms;
                int r;

                r = idempotency_table_end(txn, MDB_FIRST, &expires_at_ms, key);
                if (r == -ENOENT || (r == 0 && expires_at_ms > now_ms))
                        return 0;
                if (r < 0)
                        return r;
                r = idempotency_table_delete_expiry(txn, key, expires_at_ms);
                if (r < 0)
                        return r;
                r = txn_delete(txn, DATABASE_IDEMPOTENCY, idempotency_key_val(key), NULL);
                if (r < 0)
                        return r;
        }
        return 0;
}
