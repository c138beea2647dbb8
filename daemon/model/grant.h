/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <errno.h>
#include <sys/types.h>

#include "base/token-bucket.h"

/* The rights that Allow= of a grant names. */
#define RIGHT_TABLE(X) \
        X(AUTHORIZE, 0, "Authorize") \
        X(AUTHORIZE_AUTHENTICATION, 1, "AuthorizeAuthentication") \
        X(EXCHANGE, 2, "Exchange") \
        X(VERIFY_ID_TOKEN, 3, "VerifyIdToken") \
        X(LINKS_READ, 4, "Links.Read") \
        X(LINKS_WRITE, 5, "Links.Write") \
        X(VAULT_READ, 6, "Vault.Read") \
        X(VAULT_WRITE, 7, "Vault.Write") \
        X(MAILBOX, 8, "Mailbox") \
        X(METRICS, 9, "Metrics")

typedef enum Right {
#define X(name, bit, text) RIGHT_##name = 1U << (bit),
        RIGHT_TABLE(X)
#undef X
                RIGHT_ALL = (1U << 10) - 1,
} Right;

/* Parses a right or "All". Returns 0 or -EINVAL. */
int right_from_name(const char *name, Right *ret);
/* The name of one right. */
const char *right_name(Right right);

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

/* One [Grant] section. Default deny. */
typedef struct Grant {
        char *name;
        char *tenancy; /* label */
        uid_t *uids;   /* given as numbers */
        size_t n_uids;
        gid_t *gids;
        size_t n_gids;
        GrantName *names;
        size_t n_names;
        unsigned allow;           /* Rights */
        char **rp_ids;            /* NULL: any */
        uint32_t max_calls_per_s; /* of each uid; 0: no limit */
        GrantBucket *buckets;     /* of the uids that have called */
        size_t n_buckets;
        unsigned source; /* of authorizations, for the bus */
} Grant;

Grant *grant_free(Grant *grant);
DEFINE_CLEANUP(Grant *, grant_free);

/* Whether the grant applies to the caller's uid or groups. Root needs no grant. */
bool grant_is_for(const Grant *grant, const Caller *caller);

int grant_add_uid(Grant *grant, uid_t uid);
int grant_add_gid(Grant *grant, gid_t gid);
/* Copies name and place; the result is pending. */
int grant_add_name(Grant *grant, bool is_group, const char *name, const char *place);

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

/* Whether the caller has any of these rights; root has all. `rp_id` NULL: for any relying party.
 * `tenancy` NULL: on any tenancy. */
bool grants_allow(const GrantList *list, const Caller *caller, const char *tenancy, unsigned rights,
                  const char *rp_id);

/* The first grant that gives the caller any of these rights; NULL: none, as root needs none. */
const Grant *grants_find(const GrantList *list, const Caller *caller, const char *tenancy,
                         unsigned rights);

typedef enum GrantVerdict {
        GRANT_DENIED,
        GRANT_LIMITED, /* MaxCallsPerSec= is exceeded */
        GRANT_ALLOWED,
} GrantVerdict;

/* As grants_allow(), and counts the call against MaxCallsPerSec= of the first such grant that is
 * not exceeded. *ret_grant is the grant that allows or limits the call, or NULL. */
GrantVerdict grants_take_call(const GrantList *list, const Caller *caller, const char *tenancy,
                              unsigned rights, const char *rp_id, uint64_t now_ms,
                              const Grant **ret_grant);
