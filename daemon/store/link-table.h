/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/store/record.h"
#include "daemon/store/txn.h"

/*
 * The links, in both directions, and their count. Each returns 0, a negative errno (then what has
 * been written is good for nothing but to be aborted), or the Error that it names (then it has
 * written nothing). That a tenancy is not known is the same as that it has no links.
 */

/* NOT_FOUND. */
int link_table_get(Txn *txn, const char *tenancy_id, const char *authenticator_id, Link **ret);
int link_table_list_by_user(Txn *txn, const char *tenancy_id, const char *user_id, LinkList *ret);
/* Those behind `after`, at most `limit`; NULL: from the start. */
int link_table_list(Txn *txn, const char *tenancy_id, const char *after, size_t limit,
                    LinkList *ret, bool *ret_more);
int link_table_count(Txn *txn, const char *tenancy_id, uint64_t *ret);

/* LINK_CONFLICT, LIMITS_EXCEEDED. The link that the user has already stays as it is. */
int link_table_add(Txn *txn, const char *tenancy_id, const Link *link, bool *ret_newly_linked);
/* LINK_CONFLICT, LIMITS_EXCEEDED. The link that the user has already learns what it did not know:
 * an earlier creation, a later use, a platform's name. */
int link_table_merge(Txn *txn, const char *tenancy_id, const Link *link, bool *ret_newly_linked);
/* NOT_FOUND. */
int link_table_touch(Txn *txn, const char *tenancy_id, const char *authenticator_id,
                     uint64_t last_used_at_ms);
/*
 * Append the links that are removed to `removed`, and note that crash recovery must not make them
 * again. The first is NOT_FOUND if there is none; the second if it is another one by now. The third
 * removes no more than `limit` links, 0 for all, and tells whether there are more.
 */
int link_table_remove(Txn *txn, const char *tenancy_id, const char *authenticator_id,
                      LinkList *removed);
int link_table_remove_unchanged(Txn *txn, const char *tenancy_id, const Link *link,
                                LinkList *removed);
int link_table_remove_by_user(Txn *txn, const char *tenancy_id, const char *user_id, size_t limit,
                              LinkList *removed, bool *ret_more);
