/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/core/call.h"

/*
 * The links between authenticators and users. Reads are synchronous. Changes are
 * committed before the callback runs, cannot be cancelled, and return as described in call.h. The
 * origin is copied, for the audit record. All functions can return STORE_FULL, STORE_FAILED and the
 * Errors named below.
 */

int links_get(Tenancy *tenancy, const char *authenticator_id, Link **ret); /* NOT_FOUND */
int links_list_by_user(Tenancy *tenancy, const char *user_id, LinkList *ret);
/* In a store that several hosts share, no link has to be confirmed. Read again, later, and return
 * as described in call.h: NOT_FOUND if that is not needed, or not possible. Result: links;
 * NOT_FOUND for an authenticator. */
int links_confirm_no_link(Tenancy *tenancy, const char *authenticator_id, ResultFunc func,
                          void *userdata, Call **ret);
int links_confirm_none_of_user(Tenancy *tenancy, const char *user_id, ResultFunc func,
                               void *userdata, Call **ret);
/* `cursor` is "" for the first page, *ret_next_cursor is "" after the last. `limit` 0: the default;
 * `max_bytes`: see store_list(). INVALID_ARGS */
int links_list(Tenancy *tenancy, const char *cursor, uint32_t limit, size_t max_bytes,
               LinkList *ret, char **ret_next_cursor);
int links_count(Tenancy *tenancy, uint64_t *ret);

/* Result: n_links. LINK_CONFLICT, LIMITS_EXCEEDED */
int links_add(Tenancy *tenancy, const char *user_id, const char *authenticator_id,
              const AuditOrigin *origin, ResultFunc func, void *userdata);
/* NOT_FOUND */
int links_remove(Tenancy *tenancy, const char *authenticator_id, const AuditOrigin *origin,
                 ResultFunc func, void *userdata);
int links_remove_by_user(Tenancy *tenancy, const char *user_id, const AuditOrigin *origin,
                         ResultFunc func, void *userdata);

/* Imports up to LINKS_IMPORT_MAX links unchanged, in one transaction. Result: links and outcomes,
 * see store_import(); a dry run changes nothing. INVALID_ARGS for too many links. */
int links_import(Tenancy *tenancy, const LinkList *links, bool dry_run, const AuditOrigin *origin,
                 ResultFunc func, void *userdata);
