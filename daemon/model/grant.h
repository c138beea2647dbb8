/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <errno.h>
#include <sys/types.h>

#include "base/token-bucket.h"
#include "daemon/model/unenforced-uses.h"
#include "dbus/right.h"

typedef enum Right {
#define X(name, bit, text) RIGHT_##name = 1U << (bit),
        RIGHT_TABLE(X)
#undef X
                RIGHT_ALL = (1U << 10) - 1,
} Right;

#define N_RIGHTS ((size_t) __builtin_popcount(RIGHT_ALL))

/* The rights that Enforce=no never gives: changes of the vault cannot be undone, and it has data of
 * all users; metrics are those of all tenancies. */
#define RIGHTS_ALWAYS_ENFORCED (RIGHT_VAULT_READ | RIGHT_VAULT_WRITE | RIGHT_METRICS)

/* Parses a right or "All". Returns 0 or -EINVAL. */
int right_from_name(const char *name, Right *ret);
/* The name of one right. */
const char *right_name(Right right);
/* The name of the first of several rights; NULL: none. */
const char *right_first_name(unsigned rights);
/* The names of several rights. Returns 0 or -ENOMEM. */
int right_list_names(unsigned rights, char ***ret);

/* The caller's credentials, from the bus, never from the message. */
typedef struct Caller {
        uid_t uid;
        gid_t *gids; /* all groups, including the primary one */
        size_t n_gids;
} Caller;

/* The result of looking up a name in the user database (NSS). */
typedef struct NssResult {
        int r; /* 1: found; 0: no such name; negative errno: the lookup failed */
        uint32_t id;
} NssResult;

#define NSS_RESULT_PENDING ((NssResult){.r = -EINPROGRESS})

/* A user or group of a grant, by name. It matches nobody until the name is found. */
typedef struct GrantName {
        bool is_group;
        char *name;
        char *place; /* in the configuration, "FILE:LINE" */
        NssResult result;
} GrantName;

/* The rate limit of a uid that uses a grant with MaxCallsPerSec=. */
typedef struct GrantBucket {
        uid_t uid;
        TokenBucket bucket;
} GrantBucket;

/* One [Grant] section. Default deny. Places are "FILE:LINE"; NULL: none. */
typedef struct Grant {
        char *name;
        char *place;   /* of the first section header */
        char *tenancy; /* label */
        uid_t *uids;   /* given as numbers */
        size_t n_uids;
        gid_t *gids;
        size_t n_gids;
        GrantName *names;
        size_t n_names;
        unsigned allow;           /* Rights */
        char *places[N_RIGHTS];   /* of the Allow= that gives each right */
        char **rp_ids;            /* NULL: any */
        uint32_t max_calls_per_s; /* of each uid; 0: no limit */
        GrantBucket *buckets;     /* of the uids that have called */
        size_t n_buckets;
        bool unenforced;      /* Enforce=no */
        char *enforce_place;  /* of the last Enforce= */
        UnenforcedUses *uses; /* with Enforce=no, those on record; NULL: none yet */
        unsigned source;      /* of authorizations, for the bus */
} Grant;

Grant *grant_free(Grant *grant);
DEFINE_CLEANUP(Grant *, grant_free);

/* Whether the grant applies to the caller's uid or groups. Root needs no grant. */
bool grant_is_for(const Grant *grant, const Caller *caller);

int grant_add_uid(Grant *grant, uid_t uid);
int grant_add_gid(Grant *grant, gid_t gid);
/* Copies name and place; the result is pending. */
int grant_add_name(Grant *grant, bool is_group, const char *name, const char *place);

/* Allows rights, from this place. Returns 0 or -ENOMEM. */
int grant_allow(Grant *grant, unsigned rights, const char *place);
void grant_clear_rights(Grant *grant);

/* Clears all users, or all groups. */
void grant_clear_users(Grant *grant);
void grant_clear_groups(Grant *grant);

/* All grants in force. Zero-initialised, nothing is granted. */
typedef struct GrantList {
        Grant **grants;
        size_t n_grants;
} GrantList;

/* Takes ownership of the grant, also on failure. Returns 0 or -ENOMEM. */
int grant_list_push(GrantList *list, Grant *grant);
void grant_list_clear(GrantList *list);
