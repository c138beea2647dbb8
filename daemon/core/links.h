/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/core/call.h"

/*
 * The links between authenticators and users, kept on this host. Reads return at once. A change is
 * on disk before its result arrives, and cannot be cancelled; starts are as in call.h. The origin
 * is copied, for the record. All may end with STORE_FULL, STORE_FAILED, and the Errors that are
 * named.
 */

int links_get(Tenancy *tenancy, const char *authenticator_id, Link **ret); /* NOT_FOUND */
int links_list_by_user(Tenancy *tenancy, const char *user_id, LinkList *ret);
/* `cursor` "" at first; *ret_next_cursor is "" after the last page. `limit` 0: a default.
 * INVALID_ARGS */
int links_list(Tenancy *tenancy, const char *cursor, uint32_t limit, LinkList *ret,
               char **ret_next_cursor);
int links_count(Tenancy *tenancy, uint64_t *ret);

/* Result: n_links. LINK_CONFLICT, LIMITS_EXCEEDED */
int links_add(Tenancy *tenancy, const char *user_id, const char *authenticator_id,
              const AuditOrigin *origin, ResultFunc func, void *userdata);
/* NOT_FOUND */
int links_remove(Tenancy *tenancy, const char *authenticator_id, const AuditOrigin *origin,
                 ResultFunc func, void *userdata);
int links_remove_by_user(Tenancy *tenancy, const char *user_id, const AuditOrigin *origin,
                         ResultFunc func, void *userdata);

/* Adds up to LINKS_IMPORT_MAX links unchanged: all of them, or none. Result: links and their
 * outcomes, see store_import(); in a dry run, nothing is changed. INVALID_ARGS for too many. */
#define LINKS_IMPORT_MAX 1000U
int links_import(Tenancy *tenancy, const LinkList *links, bool dry_run, const AuditOrigin *origin,
                 ResultFunc func, void *userdata);
