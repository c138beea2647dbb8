/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/model/grant.h"

/*
 * The decision whether the grants allow a call. For the dispatcher, which authorizes calls, and for
 * Manager.Explain, which explains the decision.
 *
 * Root may do everything. A grant allows a call if it lacks nothing. A grant with Enforce=no also
 * allows calls on its tenancy, by its users and groups, that only lack the right or the relying
 * party, but not RIGHTS_ALWAYS_ENFORCED; MaxCallsPerSec= of all grants stays in force.
 */

typedef struct AccessQuery {
        const Caller *caller;
        const char *tenancy; /* label; NULL: on any tenancy */
        unsigned rights;     /* any of these is needed; 0: only root may */
        const char *rp_id;   /* NULL: for any relying party */
} AccessQuery;

/* The parts of a call that a grant does not cover. The smaller the sum, the nearer comes the grant.
 */
typedef enum AccessLack {
        LACKS_RP = 1U << 0,
        LACKS_RIGHT = 1U << 1,
        LACKS_TENANCY = 1U << 2,
        LACKS_CALLER = 1U << 3,
} AccessLack;

typedef enum AccessVerdict {
        ACCESS_DENIED,
        ACCESS_LIMITED,    /* MaxCallsPerSec= is exceeded */
        ACCESS_UNENFORCED, /* allowed by Enforce=no */
        ACCESS_ALLOWED,
} AccessVerdict;

typedef struct AccessDecision {
        AccessVerdict verdict;
        Grant *grant;   /* the deciding one; if denied, the nearest one; NULL: none, or root */
        unsigned lacks; /* AccessLacks of that grant */
} AccessDecision;

AccessDecision access_decide(const GrantList *list, const AccessQuery *query);
/* Likewise, and counts the call against MaxCallsPerSec= of the first grant that allows it and is
 * not exceeded. */
AccessDecision access_take_call(const GrantList *list, const AccessQuery *query, uint64_t now_ms);

static inline bool access_is_allowed(AccessVerdict verdict)
{
        return verdict >= ACCESS_UNENFORCED;
}

/* Whether the caller has any of these rights, see AccessQuery. */
bool grants_allow(const GrantList *list, const Caller *caller, const char *tenancy, unsigned rights,
                  const char *rp_id);

/* Lists the assignments that the grant lacks, such as "Allow=Links.Write", or "Allow=" if any right
 * is sufficient. A relying party that is no domain name is omitted. Returns 0 or -ENOMEM. */
int access_list_lacks(const AccessQuery *query, unsigned lacks, char ***ret);
