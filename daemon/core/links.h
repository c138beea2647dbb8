/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/core/tenancy.h"
#include "daemon/model/link.h"

/*
 * Which authenticator belongs to which user, as kept on this host. Reads answer at once; a change
 * is on disk before its function runs, which is once and never before the start returns. r is 0, a
 * negative errno, STORE_FULL, STORE_FAILED or what is named. Changes cannot be called off; whoever
 * is the origin of one is copied, for the record.
 */

int links_get(Tenancy *tenancy, const char *authenticator_id, Link **ret); /* NOT_FOUND */
int links_list_by_user(Tenancy *tenancy, const char *user_id, LinkList *ret);
/* `cursor` "" at first; *ret_next_cursor is "" after the last page. `limit` 0: a default.
 * INVALID_ARGS */
int links_list(Tenancy *tenancy, const char *cursor, uint32_t limit, LinkList *ret,
               char **ret_next_cursor);
int links_count(Tenancy *tenancy, uint64_t *ret);

/* How many links came or went. */
typedef void (*LinksFunc)(int r, size_t n, void *userdata);

/* LINK_CONFLICT, LIMITS_EXCEEDED */
int links_add(Tenancy *tenancy, const char *user_id, const char *authenticator_id,
              const AuditOrigin *origin, LinksFunc func, void *userdata);
/* NOT_FOUND */
int links_remove(Tenancy *tenancy, const char *authenticator_id, const AuditOrigin *origin,
                 LinksFunc func, void *userdata);
int links_remove_by_user(Tenancy *tenancy, const char *user_id, const AuditOrigin *origin,
                         LinksFunc func, void *userdata);

/*
 * Adds up to LINKS_IMPORT_MAX links as they are: all of them, or none. What each came to is told in
 * `outcomes`, which is lent, and there with r == 0 only; see store_import(). In a dry run, what it
 * would come to. INVALID_ARGS for too many.
 */
#define LINKS_IMPORT_MAX 1000U
typedef void (*LinksImportFunc)(int r, const LinkList *links, const LinkOutcome *outcomes,
                                void *userdata);
int links_import(Tenancy *tenancy, const LinkList *links, bool dry_run, const AuditOrigin *origin,
                 LinksImportFunc func, void *userdata);
