/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* A link: an authenticator (a passkey's id in the API) belongs to a user of an app. */
typedef struct Link {
        char *authenticator_id;
        char *user_id;
        char *platform_name;      /* NULL: not known */
        uint64_t created_at_ms;   /* when it was linked here */
        uint64_t last_used_at_ms; /* 0: never */
        uint64_t id; /* given when the link was stored, and kept by updates; 0: not known */
} Link;

/* Maximum of links per user. */
#define LINKS_PER_USER_MAX 1000U

/* The result of importing a link. */
typedef enum LinkOutcome {
        LINK_ADDED,
        LINK_PRESENT,     /* existed already */
        LINK_CONFLICTING, /* its authenticator is linked to another user */
        LINK_EXCEEDING,   /* its user has LINKS_PER_USER_MAX */
} LinkOutcome;

/* Copies the strings. `platform_name` may be NULL. Returns 0 or -ENOMEM. */
int link_new(const char *authenticator_id, const char *user_id, const char *platform_name,
             uint64_t created_at_ms, uint64_t last_used_at_ms, Link **ret);
/* Whether both are the same link: false for a link that was removed and added again. Without ids,
 * compares user and creation time. */
bool link_is_same(const Link *a, const Link *b);
Link *link_free(Link *link);
DEFINE_CLEANUP(Link *, link_free);

/* An array that owns its links. Zero-initialised it is empty. */
typedef struct LinkList {
        Link **links;
        size_t n_links;
} LinkList;

/* Takes ownership of the link, also on failure. Returns 0 or -ENOMEM. */
int link_list_push(LinkList *list, Link *link);
/* Copies the links. Returns 0 or -ENOMEM. */
int link_list_copy(const LinkList *list, LinkList *ret);
/* Frees all but the first `n_links`. */
void link_list_truncate(LinkList *list, size_t n_links);
void link_list_clear(LinkList *list);
