/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/log.h"
#include "daemon/store/intent-table.h"
#include "daemon/store/tenancy-table.h"

/* Stores a new tenancy, so that its number stays reserved. */
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

static int put_intent(Txn *txn, Database database, const Record *record, uint64_t *ret_id)
{
        uint64_t id = store_clock_next_id(txn->clock);
        StoreKey key;
        int r;

        key_for_id(id, &key);
        r = txn_put(txn, database, key_val(&key),
                    (MDB_val){.mv_data = record->bytes, .mv_size = record->len});
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
        _cleanup_(record_clear) Record record = {};
        int r;

        r = get_tenancy_number(txn, tenancy_id, &exchange.tenancy);
        if (r == 0)
                r = record_from_exchange(&exchange, &record);
        return r < 0 ? r : put_intent(txn, DATABASE_INTENTS, &record, ret_id);
}

int intent_table_add_delete(Txn *txn, const char *tenancy_id, const DeleteIntent *intent,
                            uint64_t *ret_id)
{
        DeleteRecord delete = {.intent = *intent}; /* lent */
        _cleanup_(record_clear) Record record = {};
        int r;

        r = get_tenancy_number(txn, tenancy_id, &delete.tenancy);
        if (r == 0)
                r = record_from_delete(&delete, &record);
        return r < 0 ? r : put_intent(txn, DATABASE_DELETES, &record, ret_id);
}

int intent_table_get_exchange(Txn *txn, uint64_t id, ExchangeRecord *ret)
{
        MDB_val value;
        StoreKey key;
        int r;

        key_for_id(id, &key);
        r = txn_get(txn, DATABASE_INTENTS, key_val(&key), &value);
        if (r < 0)
                return r;
        return record_to_exchange(value.mv_data, value.mv_size, ret);
}

int intent_table_remove(Txn *txn, Database database, uint64_t id)
{
        StoreKey key;
        int r;

        key_for_id(id, &key);
        r = txn_delete(txn, database, key_val(&key), NULL);
        return r == -ENOENT ? 0 : r;
}

/* A filter and the callback that collects matching intents. */
typedef struct IntentListing {
        uint32_t tenancy;
        int (*push)(struct IntentListing *listing, uint64_t id, const MDB_val *value);
        void *list;
} IntentListing;

static int push_exchange(IntentListing *listing, uint64_t id, const MDB_val *value)
{
        ExchangeRecord record;
        int r;

        r = record_to_exchange(value->mv_data, value->mv_size, &record);
        if (r < 0)
                return r;
        record.intent.id = id;
        if (record.tenancy == listing->tenancy)
                return exchange_intent_list_push(listing->list, &record.intent);
        exchange_intent_clear(&record.intent);
        return 0;
}

static int push_delete(IntentListing *listing, uint64_t id, const MDB_val *value)
{
        DeleteRecord record;
        int r;

        r = record_to_delete(value->mv_data, value->mv_size, &record);
        if (r < 0)
                return r;
        record.intent.id = id;
        if (record.tenancy == listing->tenancy)
                return delete_intent_list_push(listing->list, &record.intent);
        delete_intent_clear(&record.intent);
        return 0;
}

static int list_intents(Txn *txn, Database database, uint64_t end_id, IntentListing *listing)
{
        _cleanup_(mdb_cursor_closep) MDB_cursor *cursor = NULL;
        MDB_val key, value;
        uint64_t id;
        int r;

        r = txn_cursor(txn, database, &cursor);
        if (r < 0)
                return r;
        for (r = cursor_get(cursor, MDB_FIRST, &key, &value); r == 0;
             r = cursor_get(cursor, MDB_NEXT, &key, &value)) {
                r = key_parse_id(key.mv_data, key.mv_size, &id);
                if (r == 0 && id >= end_id)
                        return 0;
                if (r == 0)
                        r = listing->push(listing, id, &value);
                if (r == -EBADMSG) /* skip the damaged record */
                        log_error("Failed to decode an intent record; skipped");
                else if (r < 0)
                        return r;
        }
        return r == -ENOENT ? 0 : r;
}

static int list_intents_of_tenancy(Txn *txn, const char *tenancy_id, Database database,
                                   uint64_t end_id, IntentListing *listing)
{
        TenancyRecord tenancy;
        int r;

        r = tenancy_table_get(txn, tenancy_id, &tenancy);
        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return r;
        listing->tenancy = tenancy.number;
        return list_intents(txn, database, end_id, listing);
}

int intent_table_list_exchanges(Txn *txn, const char *tenancy_id, uint64_t end_id,
                                ExchangeIntentList *ret)
{
        _cleanup_(exchange_intent_list_clear) ExchangeIntentList intents = {};
        IntentListing listing = {.push = push_exchange, .list = &intents};
        int r;

        r = list_intents_of_tenancy(txn, tenancy_id, DATABASE_INTENTS, end_id, &listing);
        if (r == 0)
                *ret = TAKE(intents, (ExchangeIntentList){});
        return r;
}

int intent_table_list_deletes(Txn *txn, const char *tenancy_id, uint64_t end_id,
                              DeleteIntentList *ret)
{
        _cleanup_(delete_intent_list_clear) DeleteIntentList intents = {};
        IntentListing listing = {.push = push_delete, .list = &intents};
        int r;

        r = list_intents_of_tenancy(txn, tenancy_id, DATABASE_DELETES, end_id, &listing);
        if (r == 0)
                *ret = TAKE(intents, (DeleteIntentList){});
        return r;
}

/* Gets the first or last record. -ENOENT if the database is empty. */
static int get_end_intent(Txn *txn, Database database, MDB_cursor_op op, uint64_t *ret_id,
                          MDB_val *ret)
{
        _cleanup_(mdb_cursor_closep) MDB_cursor *cursor = NULL;
        MDB_val key;
        int r;

        r = txn_cursor(txn, database, &cursor);
        if (r == 0)
                r = cursor_get(cursor, op, &key, ret);
        return r < 0 ? r : key_parse_id(key.mv_data, key.mv_size, ret_id);
}

/* Begin time of the first or last exchange, or `none`. */
static int get_begun_at(Txn *txn, MDB_cursor_op op, uint64_t none, uint64_t *ret)
{
        ExchangeRecord record = {};
        MDB_val value;
        uint64_t id;
        int r;

        r = get_end_intent(txn, DATABASE_INTENTS, op, &id, &value);
        if (r == 0)
                r = record_to_exchange(value.mv_data, value.mv_size, &record);
        if (r < 0 && r != -ENOENT && r != -EBADMSG)
                return r;
        *ret = r == -ENOENT ? none : record.begun_at_ms; /* 0 if undecodable */
        exchange_intent_clear(&record.intent);
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
