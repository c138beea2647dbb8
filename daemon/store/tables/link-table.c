/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "daemon/store/tables/link-table.h"
#include "daemon/store/tables/tenancy-table.h"
#include "daemon/store/tables/tombstone-table.h"
#include "dbus/error.h"

/* The authenticator part of a link key, as stored under the user. */
static MDB_val key_authenticator_val(const StoreKey *key)
{
        return (MDB_val){.mv_data = (void *) (key->bytes + KEY_TENANCY_LEN),
                         .mv_size = key->len - KEY_TENANCY_LEN};
}

/* NOT_FOUND; -EBADMSG if the record names another authenticator. */
static int link_table_get_in(Txn *txn, uint32_t tenancy, const char *authenticator_id, Link **ret)
{
        MDB_val value;
        StoreKey key;
        int r;

        r = key_for_link(tenancy, authenticator_id, &key);
        if (r == 0)
                r = txn_get(txn, DATABASE_LINKS, key_val(&key), &value);
        if (r < 0)
                return r == -ENOENT ? ERROR_NOT_FOUND : r;
        return record_to_link_of(authenticator_id, value.mv_data, value.mv_size, ret);
}

/* NOT_FOUND. */
static int link_table_find(Txn *txn, const char *tenancy_id, const char *authenticator_id,
                           TenancyRecord *ret_tenancy, Link **ret)
{
        int r;

        r = tenancy_table_get(txn, tenancy_id, ret_tenancy);
        if (r == -ENOENT)
                return ERROR_NOT_FOUND;
        return r < 0 ? r : link_table_get_in(txn, ret_tenancy->number, authenticator_id, ret);
}

int link_table_get(Txn *txn, const char *tenancy_id, const char *authenticator_id, Link **ret)
{
        uint32_t tenancy;
        int r;

        r = tenancy_table_get_number(txn, tenancy_id, &tenancy);
        if (r < 0)
                return r == -ENOENT ? ERROR_NOT_FOUND : r;
        return link_table_get_in(txn, tenancy, authenticator_id, ret);
}

int link_table_count(Txn *txn, const char *tenancy_id, uint64_t *ret)
{
        TenancyRecord tenancy = {};
        int r;

        r = tenancy_table_get(txn, tenancy_id, &tenancy);
        if (r < 0 && r != -ENOENT)
                return r;
        *ret = tenancy.n_links;
        return 0;
}

/* Appends the link of an authenticator in the user index. */
static int push_link_of_user(Txn *txn, uint32_t tenancy, const char *user_id, MDB_val authenticator,
                             LinkList *list)
{
        _cleanup_(link_freep) Link *link = NULL;
        MDB_val value;
        StoreKey key;
        int r;

        r = key_for_link_bytes(tenancy, authenticator.mv_data, authenticator.mv_size, &key);
        if (r == 0)
                r = txn_get(txn, DATABASE_LINKS, key_val(&key), &value);
        if (r == 0)
                r = record_to_link(key.bytes, key.len, value.mv_data, value.mv_size, &link);
        if (r < 0)
                return r;
        if (!streq(link->user_id, user_id))
                return -EBADMSG;
        return link_list_push(list, TAKE_PTR(link));
}

static int push_links_of_user(Txn *txn, Database database, const StoreKey *user, uint32_t tenancy,
                              const char *user_id, LinkList *list)
{
        _cleanup_(mdb_cursor_closep) MDB_cursor *cursor = NULL;
        MDB_val key = key_val(user), value;
        int r;

        r = txn_cursor(txn, database, &cursor);
        if (r < 0)
                return r;
        for (r = cursor_get(cursor, MDB_SET, &key, &value); r == 0;
             r = cursor_get(cursor, MDB_NEXT_DUP, &key, &value)) {
                r = push_link_of_user(txn, tenancy, user_id, value, list);
                if (r < 0)
                        return r == -ENOENT ? -EBADMSG : r;
        }
        return r == -ENOENT ? 0 : r;
}

static int link_table_list_by_user_in(Txn *txn, uint32_t tenancy, const char *user_id,
                                      LinkList *ret)
{
        _cleanup_(link_list_clear) LinkList list = {};
        StoreKey user, user_3;
        AccessSet *accesses;
        int r;

        key_for_user_3(tenancy, user_id, &user_3);
        r = key_for_user(tenancy, user_id, &user);
        if (r < 0)
                return r;
        /* The list is noted, but not each of its links. */
        txn_note_read(txn, DATABASE_USERS, key_val(&user));
        accesses = TAKE_PTR(txn->accesses);
        r = push_links_of_user(txn, DATABASE_USERS_3, &user_3, tenancy, user_id, &list);
        if (r == 0)
                r = push_links_of_user(txn, DATABASE_USERS, &user, tenancy, user_id, &list);
        txn->accesses = accesses;
        if (r < 0)
                return r;

        *ret = TAKE(list, (LinkList){});
        return 0;
}

int link_table_list_by_user(Txn *txn, const char *tenancy_id, const char *user_id, LinkList *ret)
{
        uint32_t tenancy;
        int r;

        r = tenancy_table_get_number(txn, tenancy_id, &tenancy);
        if (r == 0)
                return link_table_list_by_user_in(txn, tenancy, user_id, ret);
        if (r == -ENOENT)
                *ret = (LinkList){};
        return r == -ENOENT ? 0 : r;
}

/* Iterates over a tenancy's links in key order. */
typedef struct LinkIterator {
        MDB_cursor *cursor;
        uint32_t tenancy;
        MDB_val key;
        MDB_val value;
} LinkIterator;

/* -ENOENT after the tenancy's last link. */
static int link_iterator_move(LinkIterator *iterator, MDB_cursor_op op)
{
        StoreKey prefix;
        int r;

        r = cursor_get(iterator->cursor, op, &iterator->key, &iterator->value);
        if (r < 0)
                return r;
        key_for_tenancy(iterator->tenancy, &prefix);
        if (iterator->key.mv_size <= prefix.len ||
            memcmp(iterator->key.mv_data, prefix.bytes, prefix.len) != 0)
                return -ENOENT;
        return 0;
}

/* Moves to the first link after the id, whether that id exists or not. */
static int link_iterator_seek(LinkIterator *iterator, const char *after)
{
        StoreKey start;
        int r;

        key_for_tenancy(iterator->tenancy, &start);
        if (after) {
                r = key_for_link(iterator->tenancy, after, &start);
                if (r < 0)
                        return r;
        }
        iterator->key = key_val(&start);
        r = link_iterator_move(iterator, MDB_SET_RANGE);
        if (r == 0 && after && iterator->key.mv_size == start.len &&
            memcmp(iterator->key.mv_data, start.bytes, start.len) == 0)
                r = link_iterator_move(iterator, MDB_NEXT);
        return r;
}

/* Bytes of a link's texts, and of what goes with them on the bus. */
static size_t link_size(const Link *link)
{
        return 128 + strlen(link->authenticator_id) + strlen(link->user_id) +
               (link->platform_name ? strlen(link->platform_name) : 0);
}

/* Appends links; -ENOENT after the last one. */
static int link_table_list_in(Txn *txn, uint32_t tenancy, const char *after, size_t limit,
                              size_t max_bytes, LinkList *list)
{
        _cleanup_(mdb_cursor_closep) MDB_cursor *cursor = NULL;
        LinkIterator iterator = {.tenancy = tenancy};
        size_t size = 0;
        int r;

        r = txn_cursor(txn, DATABASE_LINKS, &cursor);
        if (r < 0)
                return r;
        iterator.cursor = cursor;
        for (r = link_iterator_seek(&iterator, after);
             r == 0 && list->n_links < limit && size < max_bytes;
             r = link_iterator_move(&iterator, MDB_NEXT)) {
                Link *link;

                r = record_to_link(iterator.key.mv_data, iterator.key.mv_size,
                                   iterator.value.mv_data, iterator.value.mv_size, &link);
                if (r < 0)
                        return r;
                size += link_size(link);
                r = link_list_push(list, link);
                if (r < 0)
                        return r;
        }
        return r;
}

int link_table_list(Txn *txn, const char *tenancy_id, const char *after, size_t limit,
                    size_t max_bytes, LinkList *ret, bool *ret_more)
{
        _cleanup_(link_list_clear) LinkList list = {};
        uint32_t tenancy;
        int r;

        r = tenancy_table_get_number(txn, tenancy_id, &tenancy);
        if (r == 0)
                r = link_table_list_in(txn, tenancy, after, limit, max_bytes, &list);
        if (r < 0 && r != -ENOENT)
                return r;
        *ret = TAKE(list, (LinkList){});
        *ret_more = r == 0;
        return 0;
}

static int link_table_put(Txn *txn, uint32_t tenancy, const Link *link)
{
        StoreKey key;
        int r;

        r = key_for_link(tenancy, link->authenticator_id, &key);
        return r < 0 ? r : txn_put_record(txn, DATABASE_LINKS, key_val(&key), &link_record, link);
}

static int count_links_of_user(Txn *txn, Database database, const StoreKey *user, size_t *ret)
{
        _cleanup_(mdb_cursor_closep) MDB_cursor *cursor = NULL;
        MDB_val key = key_val(user), value;
        uint64_t n_all;
        int r;

        *ret = 0;
        txn_note_read(txn, database, key);
        r = txn_count(txn, database, &n_all);
        if (r < 0 || n_all == 0)
                return r;
        r = txn_cursor(txn, database, &cursor);
        if (r == 0)
                r = cursor_get(cursor, MDB_SET, &key, &value);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        return lmdb_errno(mdb_cursor_count(cursor, ret));
}

/* Stores a link that does not exist. */
static int link_table_store(Txn *txn, uint32_t tenancy, const StoreKey *user, const Link *link)
{
        StoreKey key;
        int r;

        r = key_for_link(tenancy, link->authenticator_id, &key);
        if (r == 0)
                r = txn_put_record(txn, DATABASE_LINKS, key_val(&key), &link_record, link);
        return r < 0 ? r : txn_put(txn, DATABASE_USERS, key_val(user), key_authenticator_val(&key));
}

static int link_table_insert(Txn *txn, uint32_t tenancy, const Link *link)
{
        Link stored = *link; /* lent */
        StoreKey user, user_3;
        size_t n_links, n_links_3;
        int r;

        key_for_user_3(tenancy, link->user_id, &user_3);
        r = key_for_user(tenancy, link->user_id, &user);
        if (r == 0)
                r = count_links_of_user(txn, DATABASE_USERS_3, &user_3, &n_links_3);
        if (r == 0)
                r = count_links_of_user(txn, DATABASE_USERS, &user, &n_links);
        if (r < 0)
                return r;
        if (n_links + n_links_3 >= LINKS_PER_USER_MAX)
                return ERROR_LIMITS_EXCEEDED;
        stored.id = store_clock_next_id(txn->clock);
        return link_table_store(txn, tenancy, &user, &stored);
}

/* Updates an existing link if the other has more information. */
static int link_table_enrich(Txn *txn, uint32_t tenancy, const Link *old, const Link *link)
{
        Link merged = *old; /* lent */

        if (link->created_at_ms < merged.created_at_ms)
                merged.created_at_ms = link->created_at_ms;
        if (link->last_used_at_ms > merged.last_used_at_ms)
                merged.last_used_at_ms = link->last_used_at_ms;
        if (!merged.platform_name)
                merged.platform_name = link->platform_name;
        if (memcmp(&merged, old, sizeof(merged)) == 0)
                return 0;
        return link_table_put(txn, tenancy, &merged);
}

int link_table_add_in(Txn *txn, TenancyRecord *tenancy, const Link *link, bool merge,
                      bool *ret_newly_linked)
{
        _cleanup_(link_freep) Link *old = NULL;
        int r;

        r = link_table_get_in(txn, tenancy->number, link->authenticator_id, &old);
        if (r == 0 && !streq(old->user_id, link->user_id))
                return ERROR_LINK_CONFLICT;
        if (r == 0 && merge)
                r = link_table_enrich(txn, tenancy->number, old, link);
        if (r == 0)
                *ret_newly_linked = false;
        if (r != ERROR_NOT_FOUND)
                return r;

        r = link_table_insert(txn, tenancy->number, link);
        if (r != 0)
                return r;
        tenancy->n_links++;
        *ret_newly_linked = true;
        return 0;
}

int link_table_add(Txn *txn, const char *tenancy_id, const Link *link, bool merge,
                   bool *ret_newly_linked)
{
        TenancyRecord tenancy;
        bool newly_linked;
        int r;

        r = tenancy_table_get_or_new(txn, tenancy_id, &tenancy);
        if (r == 0)
                r = link_table_add_in(txn, &tenancy, link, merge, &newly_linked);
        if (r == 0 && newly_linked)
                r = tenancy_table_put(txn, tenancy_id, &tenancy);
        if (r == 0)
                *ret_newly_linked = newly_linked;
        return r;
}

int link_table_touch(Txn *txn, const char *tenancy_id, const char *authenticator_id,
                     uint64_t last_used_at_ms)
{
        _cleanup_(link_freep) Link *link = NULL;
        TenancyRecord tenancy;
        int r;

        r = link_table_find(txn, tenancy_id, authenticator_id, &tenancy, &link);
        if (r != 0)
                return r;
        link->last_used_at_ms = last_used_at_ms;
        return link_table_put(txn, tenancy.number, link);
}

static int link_table_delete(Txn *txn, uint32_t tenancy, const Link *link)
{
        MDB_val authenticator;
        StoreKey key, user, user_3;
        int r;

        r = key_for_link(tenancy, link->authenticator_id, &key);
        if (r == 0 && txn->accesses) /* the access set has the removed value */
                r = txn_get(txn, DATABASE_LINKS, key_val(&key), &authenticator);
        if (r < 0)
                return r;
        r = txn_delete(txn, DATABASE_LINKS, key_val(&key), NULL);
        if (r < 0)
                return r;
        r = key_for_user(tenancy, link->user_id, &user);
        if (r < 0)
                return r;
        authenticator = key_authenticator_val(&key);
        r = txn_delete(txn, DATABASE_USERS, key_val(&user), &authenticator);
        if (r != -ENOENT)
                return r;
        key_for_user_3(tenancy, link->user_id, &user_3);
        return txn_delete(txn, DATABASE_USERS_3, key_val(&user_3), &authenticator);
}

/* Not noted: it follows from the removal. */
static int add_tombstone(Txn *txn, uint32_t tenancy, const char *authenticator_id)
{
        AccessSet *accesses = TAKE_PTR(txn->accesses);
        int r;

        r = tombstone_table_add(txn, tenancy, TOMBSTONE_AUTHENTICATOR, authenticator_id);
        txn->accesses = accesses;
        return r;
}

/* Removes a listed link; if it is missing, the index is corrupt. Takes ownership of the link. */
static int link_table_take(Txn *txn, TenancyRecord *tenancy, Link *link, LinkList *removed)
{
        _cleanup_(link_freep) Link *owned = link;
        int r;

        if (tenancy->n_links == 0)
                return -EBADMSG;
        r = link_table_delete(txn, tenancy->number, owned);
        if (r == 0)
                r = add_tombstone(txn, tenancy->number, owned->authenticator_id);
        if (r < 0)
                return r == -ENOENT ? -EBADMSG : r;
        tenancy->n_links--;
        return link_list_push(removed, TAKE_PTR(owned));
}

int link_table_set(Txn *txn, const char *tenancy_id, const Link *link, LinkList *removed,
                   bool *ret_added)
{
        _cleanup_(link_freep) Link *old = NULL;
        TenancyRecord tenancy;
        StoreKey user;
        int r;

        *ret_added = false;
        r = tenancy_table_get_or_new(txn, tenancy_id, &tenancy);
        if (r == 0)
                r = link_table_get_in(txn, tenancy.number, link->authenticator_id, &old);
        if (r < 0)
                return r;
        /* A link that was made here while the log was away gets its id now. */
        if (old && streq(old->user_id, link->user_id))
                return link_table_put(txn, tenancy.number, link);
        r = old ? link_table_take(txn, &tenancy, TAKE_PTR(old), removed) : 0;
        if (r == 0)
                r = key_for_user(tenancy.number, link->user_id, &user);
        if (r == 0)
                r = link_table_store(txn, tenancy.number, &user, link);
        if (r < 0)
                return r;
        tenancy.n_links++;
        *ret_added = true;
        return tenancy_table_put(txn, tenancy_id, &tenancy);
}

int link_table_remove(Txn *txn, const char *tenancy_id, const char *authenticator_id,
                      const Link *same, LinkList *removed)
{
        _cleanup_(link_freep) Link *link = NULL;
        TenancyRecord tenancy;
        int r;

        r = link_table_find(txn, tenancy_id, authenticator_id, &tenancy, &link);
        if (r != 0)
                return r;
        if (same && !link_is_same(same, link))
                return ERROR_NOT_FOUND;
        r = link_table_take(txn, &tenancy, TAKE_PTR(link), removed);
        return r < 0 ? r : tenancy_table_put(txn, tenancy_id, &tenancy);
}

int link_table_remove_by_user(Txn *txn, const char *tenancy_id, const char *user_id, size_t limit,
                              LinkList *removed, bool *ret_more)
{
        _cleanup_(link_list_clear) LinkList list = {};
        TenancyRecord tenancy;
        int r;

        *ret_more = false;
        r = tenancy_table_get(txn, tenancy_id, &tenancy);
        if (r == 0)
                r = link_table_list_by_user_in(txn, tenancy.number, user_id, &list);
        if (r < 0 || list.n_links == 0)
                return r == -ENOENT ? 0 : r;
        for (size_t i = 0; i < list.n_links && !*ret_more; i++) {
                r = link_table_take(txn, &tenancy, TAKE_PTR(list.links[i]), removed);
                if (r < 0)
                        return r;
                *ret_more = limit > 0 && i + 1 >= limit && i + 1 < list.n_links;
        }
        return tenancy_table_put(txn, tenancy_id, &tenancy);
}
