/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "daemon/store/idempotency-table.h"
#include "daemon/store/store.h"
#include "dbus/error.h"

#define PRUNE_MAX 8U

static MDB_val answer_key(const uint8_t key[static ANSWER_KEY_LEN])
{
        return (MDB_val){.mv_data = (void *) key, .mv_size = ANSWER_KEY_LEN};
}

/* Also one that has expired. */
static int answer_table_find(Txn *txn, const uint8_t key[static ANSWER_KEY_LEN], Answer *ret)
{
        MDB_val value;
        int r;

        r = txn_get(txn, DATABASE_ANSWERS, answer_key(key), &value);
        if (r == -ENOENT)
                return ERROR_NOT_FOUND;
        if (r < 0)
                return r;
        return record_to_answer(value.mv_data, value.mv_size, ret);
}

int answer_table_get(Txn *txn, const uint8_t key[static ANSWER_KEY_LEN], Answer *ret)
{
        _cleanup_(answer_clear) Answer answer = {};
        int r;

        r = answer_table_find(txn, key, &answer);
        if (r != 0)
                return r;
        if (answer.expires_at_ms <= store_clock_now_ms(txn->clock))
                return ERROR_NOT_FOUND;
        *ret = TAKE(answer, (Answer){});
        return 0;
}

static int answer_table_delete_expiry(Txn *txn, const uint8_t key[static ANSWER_KEY_LEN],
                                      uint64_t expires_at_ms)
{
        Key expiry;

        key_for_expiry(expires_at_ms, key, &expiry);
        return txn_delete(txn, DATABASE_EXPIRIES, key_val(&expiry), NULL);
}

int answer_table_put(Txn *txn, const uint8_t key[static ANSWER_KEY_LEN], const Answer *answer)
{
        _cleanup_(answer_clear) Answer old = {};
        _cleanup_(record_clear) Record record = {};
        Answer dated = *answer; /* lent */
        Key expiry;
        int r;

        dated.expires_at_ms = store_clock_now_ms(txn->clock) + STORE_ANSWER_TTL_MS;
        r = record_from_answer(&dated, &record);
        if (r < 0)
                return r;
        r = answer_table_find(txn, key, &old);
        if (r == 0)
                r = answer_table_delete_expiry(txn, key, old.expires_at_ms);
        if (r < 0)
                return r;

        r = txn_put(txn, DATABASE_ANSWERS, answer_key(key),
                    (MDB_val){.mv_data = record.bytes, .mv_size = record.len});
        if (r < 0)
                return r;
        key_for_expiry(dated.expires_at_ms, key, &expiry);
        return txn_put(txn, DATABASE_EXPIRIES, key_val(&expiry), (MDB_val){});
}

/* The one that expires first, or last. Returns 0, -ENOENT or another negative errno. */
static int answer_table_end(Txn *txn, MDB_cursor_op op, uint64_t *ret_expires_at_ms,
                            uint8_t ret_key[static ANSWER_KEY_LEN])
{
        _cleanup_(mdb_cursor_closep) MDB_cursor *cursor = NULL;
        MDB_val expiry, nothing;
        int r;

        r = txn_cursor(txn, DATABASE_EXPIRIES, &cursor);
        if (r < 0)
                return r;
        r = cursor_get(cursor, op, &expiry, &nothing);
        if (r < 0)
                return r;
        return key_parse_expiry(expiry.mv_data, expiry.mv_size, ret_expires_at_ms, ret_key);
}

int answer_table_last(Txn *txn, uint64_t *ret_expires_at_ms)
{
        uint8_t key[ANSWER_KEY_LEN];
        int r;

        *ret_expires_at_ms = 0;
        r = answer_table_end(txn, MDB_LAST, ret_expires_at_ms, key);
        return r == -ENOENT || r == -EBADMSG ? 0 : r;
}

int answer_table_prune(Txn *txn)
{
        uint64_t now_ms = store_clock_now_ms(txn->clock);

        for (unsigned i = 0; i < PRUNE_MAX; i++) {
                uint8_t key[ANSWER_KEY_LEN];
                uint64_t expires_at_ms;
                int r;

                r = answer_table_end(txn, MDB_FIRST, &expires_at_ms, key);
                if (r == -ENOENT || (r == 0 && expires_at_ms > now_ms))
                        return 0;
                if (r < 0)
                        return r;
                r = answer_table_delete_expiry(txn, key, expires_at_ms);
                if (r < 0)
                        return r;
                r = txn_delete(txn, DATABASE_ANSWERS, answer_key(key), NULL);
                if (r < 0)
                        return r;
        }
        return 0;
}
