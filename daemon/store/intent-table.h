/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/store/record-intent.h"
#include "daemon/store/txn.h"

/* Exchanges and deletes that were begun. Each function returns 0 or a negative errno. */

/* The intent's id is ignored; *ret_id is a new one. */
int intent_table_add_exchange(Txn *txn, const char *tenancy_id, const ExchangeIntent *intent,
                              uint64_t *ret_id);
int intent_table_add_delete(Txn *txn, const char *tenancy_id, const DeleteIntent *intent,
                            uint64_t *ret_id);

/* -ENOENT if it has gone. */
int intent_table_get_exchange(Txn *txn, uint64_t id, ExchangeRecord *ret);

/* Nothing happens if it has gone. */
int intent_table_remove(Txn *txn, Database database, uint64_t id);

/* Those of a tenancy with ids below `end_id`, ascending. */
int intent_table_list_exchanges(Txn *txn, const char *tenancy_id, uint64_t end_id,
                                ExchangeIntentList *ret);
int intent_table_list_deletes(Txn *txn, const char *tenancy_id, uint64_t end_id,
                              DeleteIntentList *ret);

/* When the exchange was begun that has been open for longest; UINT64_MAX if none is open. */
int intent_table_oldest(Txn *txn, uint64_t *ret_begun_at_ms);
/* When the exchange was begun that was begun last, 0 if none is open. */
int intent_table_latest(Txn *txn, uint64_t *ret_begun_at_ms);
/* The highest id of a database, and 0 if it is empty. */
int intent_table_last_id(Txn *txn, Database database, uint64_t *ret);
