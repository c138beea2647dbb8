/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/store/lmdb/record.h"
#include "daemon/store/lmdb/txn.h"

/* The write-ahead intents of exchanges and deletes. Functions return 0 or a negative errno. */

/* `intent->id` is ignored; *ret_id is the new id. */
int intent_table_add_exchange(Txn *txn, const char *tenancy_id, const ExchangeIntent *intent,
                              uint64_t *ret_id);
int intent_table_add_delete(Txn *txn, const char *tenancy_id, const DeleteIntent *intent,
                            uint64_t *ret_id);

/* Store an intent as it is on another host, but for the number of the tenancy. The begin of the
 * exchange is now, because clocks differ between hosts, or is kept if it is not later. */
int intent_table_set_exchange(Txn *txn, const char *tenancy_id, uint64_t id,
                              const ExchangeRecord *record, bool keeps_time);
int intent_table_set_delete(Txn *txn, const char *tenancy_id, uint64_t id,
                            const DeleteRecord *record);

/* -ENOENT for a missing intent. `ret` is as for record_decode(). */
int intent_table_get_exchange(Txn *txn, uint64_t id, ExchangeRecord *ret);

/* Gives an intent another id. -ENOENT for a missing intent, -EEXIST if the id is taken. */
int intent_table_move(Txn *txn, Database database, uint64_t id, uint64_t new_id);

/* A missing intent is no error. */
int intent_table_remove(Txn *txn, Database database, uint64_t id);

/* Lists a tenancy's intents with ids below `end_id`, ascending. */
int intent_table_list_exchanges(Txn *txn, const char *tenancy_id, uint64_t end_id,
                                ExchangeIntentList *ret);
int intent_table_list_deletes(Txn *txn, const char *tenancy_id, uint64_t end_id,
                              DeleteIntentList *ret);

/* Begin time of the oldest open exchange; UINT64_MAX without one. */
int intent_table_oldest(Txn *txn, uint64_t *ret_begun_at_ms);
/* Begin time of the latest open exchange; 0 without one. */
int intent_table_latest(Txn *txn, uint64_t *ret_begun_at_ms);
/* The lowest id above `after`; -ENOENT if there is none. */
int intent_table_next(Txn *txn, Database database, uint64_t after, uint64_t *ret);
/* The highest id in a database; 0 if it is empty. */
int intent_table_last_id(Txn *txn, Database database, uint64_t *ret);
