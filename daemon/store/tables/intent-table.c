/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/log.h"
#include "daemon/store/tables/intent-table.h"
#include "daemon/store/tables/tenancy-table.h"

/* Gets the tenancy's number. Stores a new tenancy, so that its number stays reserved. */
static int get_tenancy_number(Txn *txn, const char *tenancy_id, uint32_t *ret)
{
        TenancyRecord tenancy;
        int r;

        r = tenancy_table_get(txn, tenancy_id, &tenancy);
        if (r == -ENOENT) {
                r = tenancy_table_get_or_new(txn, tenancy_id, &tenancy);
                if (r == 0)
                        r = tenancy_table_put(txn, tenancy_id, &tenancy);
        }
        if (r < 0)
                return r;
        *ret = tenancy.number;
        return 0;
}

static int set_intent(Txn *txn, Database database, const RecordType *type, uint64_t id,
                      const void *record)
{
        StoreKey key;

        key_for_id(id, &key);
        return txn_put_record(txn, database, key_val(&key), type, record);
}

static int put_intent(Txn *txn, Database database, const RecordType *type, const void *record,
                      uint64_t *ret_id)
{
        uint64_t id = store_clock_next_id(txn->clock);
        int r;

        r = set_intent(txn, database, type, id, record);
        if (r < 0)
                return r;
        *ret_id = id;
        return 0;
}

int intent_table_add_exchange(Txn *txn, const char *tenancy_id, const ExchangeIntent *intent,
                              uint64_t *ret_id)
{
        ExchangeRecord exchange = {.begun_at_ms = store_clock_now_ms(txn->clock),
                                   .intent = *intent}; /* lent */
        int r;

        r = get_tenancy_number(txn, tenancy_id, &exchange.tenancy);
        return r < 0 ? r : put_intent(txn, DATABASE_INTENTS, &exchange_record, &exchange, ret_id);
}

int intent_table_add_delete(Txn *txn, const char *tenancy_id, const DeleteIntent *intent,
                            uint64_t *ret_id)
{
        DeleteRecord delete = {.intent = *intent}; /* lent */
        int r;

        r = get_tenancy_number(txn, tenancy_id, &delete.tenancy);
        return r < 0 ? r : put_intent(txn, DATABASE_DELETES, &delete_record, &delete, ret_id);
}

int intent_table_set_exchange(Txn *txn, const char *tenancy_id, uint64_t id,
                              const ExchangeRecord *record, bool keeps_time)
{
        ExchangeRecord exchange = *record; /* lent */
        uint64_t now_ms;
        int r;

        now_ms = store_clock_now_ms(txn->clock);
        if (!keeps_time || exchange.begun_at_ms > now_ms)
                exchange.begun_at_ms = now_ms;

        r = get_tenancy_number(txn, tenancy_id, &exchange.tenancy);
        return r < 0 ? r : set_intent(txn, DATABASE_INTENTS, &exchange_record, id, &exchange);
}

int intent_table_set_delete(Txn *txn, const char *tenancy_id, uint64_t id,
                            const DeleteRecord *record)
{
        DeleteRecord delete = *record; /* lent */
        int r;

        r = get_tenancy_number(txn, tenancy_id, &delete.tenancy);
        return r < 0 ? r : set_intent(txn, DATABASE_DELETES, &delete_record, id, &delete);
}

int intent_table_get_exchange(Txn *txn, uint64_t id, ExchangeRecord *ret)
{
        StoreKey key;

        key_for_id(id, &key);
        return txn_get_record(txn, DATABASE_INTENTS, key_val(&key), &exchange_record, ret);
}

int intent_table_move(Txn *txn, Database database, uint64_t id, uint64_t new_id)
{
        _cleanup_(freep) void *copy = NULL;
        StoreKey key, new_key;
        MDB_val value;
        int r;

        key_for_id(new_id, &new_key);
        r = txn_get(txn, database, key_val(&new_key), &value);
        if (r != -ENOENT)
                return r < 0 ? r : -EEXIST;
        key_for_id(id, &key);
        r = txn_get(txn, database, key_val(&key), &value);
        if (r < 0)
                return r;
        copy = malloc(value.mv_size + 1);
        if (!copy)
                return -ENOMEM;
        memcpy(copy, value.mv_data, value.mv_size);
        value.mv_data = copy;
        r = txn_put(txn, database, key_val(&new_key), value);
        return r < 0 ? r : txn_delete(txn, database, key_val(&key), NULL);
}

int intent_table_remove(Txn *txn, Database database, uint64_t id)
{
        StoreKey key;
        int r;

        key_for_id(id, &key);
        r = txn_delete(txn, database, key_val(&key), NULL);
        return r == -ENOENT ? 0 : r;
}

/* Adds an intent to a list if it is of the tenancy. */
typedef int (*PushFunc)(uint32_t tenancy, uint64_t id, const MDB_val *value, void *list);

static int push_exchange(uint32_t tenancy, uint64_t id, const MDB_val *value, void *list)
{
        _cleanup_(exchange_record_clear) ExchangeRecord record = {};
        int r;

        r = record_decode(&exchange_record, value->mv_data, value->mv_size, &record);
        if (r < 0 || record.tenancy != tenancy)
                return r;
        record.intent.id = id;
        return exchange_intent_list_push(list, &record.intent);
}

static int push_delete(uint32_t tenancy, uint64_t id, const MDB_val *value, void *list)
{
        _cleanup_(delete_record_clear) DeleteRecord record = {};
        int r;

        r = record_decode(&delete_record, value->mv_data, value->mv_size, &record);
        if (r < 0 || record.tenancy != tenancy)
                return r;
        record.intent.id = id;
        return delete_intent_list_push(list, &record.intent);
}

/* Returns -ENOENT after the last intent. */
static int list_intents(MDB_cursor *cursor, uint32_t tenancy, uint64_t end_id, PushFunc push,
                        void *list)
{
        MDB_val key, value;
        uint64_t id;
        int r;

        for (r = cursor_get(cursor, MDB_FIRST, &key, &value); r == 0;
             r = cursor_get(cursor, MDB_NEXT, &key, &value)) {
                r = key_parse_id(key.mv_data, key.mv_size, &id);
                if (r == 0 && id >= end_id)
                        return 0;
                if (r == 0)
                        r = push(tenancy, id, &value, list);
                if (r == -EBADMSG) /* skip the damaged record */
                        log_error("Failed to decode an intent record; skipped");
                else if (r < 0)
                        return r;
        }
        return r;
}

static int list_intents_of_tenancy(Txn *txn, const char *tenancy_id, Database database,
                                   uint64_t end_id, PushFunc push, void *list)
{
        _cleanup_(mdb_cursor_closep) MDB_cursor *cursor = NULL;
        TenancyRecord tenancy;
        int r;

        r = tenancy_table_get(txn, tenancy_id, &tenancy);
        if (r == 0)
                r = txn_cursor(txn, database, &cursor);
        if (r == 0)
                r = list_intents(cursor, tenancy.number, end_id, push, list);
        return r == -ENOENT ? 0 : r;
}

int intent_table_list_exchanges(Txn *txn, const char *tenancy_id, uint64_t end_id,
                                ExchangeIntentList *ret)
{
        _cleanup_(exchange_intent_list_clear) ExchangeIntentList intents = {};
        int r;

        r = list_intents_of_tenancy(txn, tenancy_id, DATABASE_INTENTS, end_id, push_exchange,
                                    &intents);
        if (r == 0)
                *ret = TAKE(intents, (ExchangeIntentList){});
        return r;
}

int intent_table_list_deletes(Txn *txn, const char *tenancy_id, uint64_t end_id,
                              DeleteIntentList *ret)
{
        _cleanup_(delete_intent_list_clear) DeleteIntentList intents = {};
        int r;

        r = list_intents_of_tenancy(txn, tenancy_id, DATABASE_DELETES, end_id, push_delete,
                                    &intents);
        if (r == 0)
                *ret = TAKE(intents, (DeleteIntentList){});
        return r;
}

/* Gets the first or last record. -ENOENT if the database is empty. */
static int get_end_intent(Txn *txn, Database database, MDB_cursor_op op, uint64_t *ret_id,
                          MDB_val *ret)
{
        MDB_val key;
        int r;

        r = txn_get_end(txn, database, op, &key, ret);
        return r < 0 ? r : key_parse_id(key.mv_data, key.mv_size, ret_id);
}

/* Begin time of the first or last exchange, or `none`. */
static int get_begun_at(Txn *txn, MDB_cursor_op op, uint64_t none, uint64_t *ret)
{
        _cleanup_(exchange_record_clear) ExchangeRecord record = {};
        MDB_val value;
        uint64_t id;
        int r;

        r = get_end_intent(txn, DATABASE_INTENTS, op, &id, &value);
        if (r == 0)
                r = record_decode(&exchange_record, value.mv_data, value.mv_size, &record);
        if (r < 0 && r != -ENOENT && r != -EBADMSG)
                return r;
        if (r == -EBADMSG)
                *ret = 0;
        else
                *ret = r == -ENOENT ? none : record.begun_at_ms;
        return 0;
}

int intent_table_oldest(Txn *txn, uint64_t *ret_begun_at_ms)
{
        return get_begun_at(txn, MDB_FIRST, UINT64_MAX, ret_begun_at_ms);
}

int intent_table_latest(Txn *txn, uint64_t *ret_begun_at_ms)
{
        return get_begun_at(txn, MDB_LAST, 0, ret_begun_at_ms);
}

int intent_table_next(Txn *txn, Database database, uint64_t after, uint64_t *ret)
{
        _cleanup_(mdb_cursor_closep) MDB_cursor *cursor = NULL;
        MDB_val key, value;
        StoreKey start;
        int r;

        if (after == UINT64_MAX)
                return -ENOENT;
        key_for_id(after + 1, &start);
        key = key_val(&start);
        r = txn_cursor(txn, database, &cursor);
        if (r == 0)
                r = cursor_get(cursor, MDB_SET_RANGE, &key, &value);
        return r < 0 ? r : key_parse_id(key.mv_data, key.mv_size, ret);
}

int intent_table_last_id(Txn *txn, Database database, uint64_t *ret)
{
        MDB_val value;
        uint64_t id;
        int r;

        r = get_end_intent(txn, database, MDB_LAST, &id, &value);
        if (r < 0 && r != -ENOENT && r != -EBADMSG)
                return r;
        *ret = r == 0 ? id : 0;
        return 0;
}
