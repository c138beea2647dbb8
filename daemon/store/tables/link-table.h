/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/store/lmdb/record.h"
#include "daemon/store/lmdb/txn.h"

/*
 * The links table: authenticator to user, the reverse index, and a count. Functions return 0; a
 * negative errno, after which the transaction must be aborted; or the Error named below, without
 * having written. An unknown tenancy has no links.
 */

/* NOT_FOUND. */
int link_table_get(Txn *txn, const char *tenancy_id, const char *authenticator_id, Link **ret);
int link_table_list_by_user(Txn *txn, const char *tenancy_id, const char *user_id, LinkList *ret);
/* At most `limit` links after the id `after`; NULL: from the start. */
int link_table_list(Txn *txn, const char *tenancy_id, const char *after, size_t limit,
                    size_t max_bytes, LinkList *ret, bool *ret_more);
int link_table_count(Txn *txn, const char *tenancy_id, uint64_t *ret);

/* LINK_CONFLICT, LIMITS_EXCEEDED. `merge`: adds to an existing link of the user the earlier
 * creation, the later use, and a missing platform name. Otherwise the link is left unchanged. */
int link_table_add(Txn *txn, const char *tenancy_id, const Link *link, bool merge,
                   bool *ret_newly_linked);
/* The same for one link of many: counts it in `tenancy`, which the caller has to store. */
int link_table_add_in(Txn *txn, TenancyRecord *tenancy, const Link *link, bool merge,
                      bool *ret_newly_linked);
/* Stores a link as it is on another host, with its id, without the limit per user. Appends the link
 * that it replaces to `removed`; *ret_added is false if the user had the link already. */
int link_table_set(Txn *txn, const char *tenancy_id, const Link *link, LinkList *removed,
                   bool *ret_added);
/* NOT_FOUND. */
int link_table_touch(Txn *txn, const char *tenancy_id, const char *authenticator_id,
                     uint64_t last_used_at_ms);
/*
 * Append the removed links to `removed`, and add tombstones for crash recovery. link_table_remove()
 * returns NOT_FOUND for a missing link, and for a link that differs from `same` (NULL: any link).
 * link_table_remove_by_user() removes at most `limit` links (0: all), and returns whether more are
 * left.
 */
int link_table_remove(Txn *txn, const char *tenancy_id, const char *authenticator_id,
                      const Link *same, LinkList *removed);
int link_table_remove_by_user(Txn *txn, const char *tenancy_id, const char *user_id, size_t limit,
                              LinkList *removed, bool *ret_more);
