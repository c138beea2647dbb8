/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>
#include <strings.h>

#include "base/strv.h"
#include "daemon/model/access.h"
#include "daemon/model/valid.h"

static bool covers_rp(const Grant *grant, const char *rp_id)
{
        if (!rp_id || !grant->rp_ids)
                return true;
        /* The API lower-cases relying party ids: compare case-insensitively. */
        for (char **r = grant->rp_ids; *r; r++)
                if (strcasecmp(*r, rp_id) == 0)
                        return true;
        return false;
}

static unsigned find_lacks(const Grant *grant, const AccessQuery *query)
{
        unsigned lacks = 0;

        if (query->tenancy && !streq(grant->tenancy, query->tenancy))
                lacks |= LACKS_TENANCY;
        if (!(grant->allow & query->rights))
                lacks |= LACKS_RIGHT;
        if (!covers_rp(grant, query->rp_id))
                lacks |= LACKS_RP;
        if (!grant_is_for(grant, query->caller))
                lacks |= LACKS_CALLER;
        return lacks;
}

static bool is_unenforced(const Grant *grant, const AccessQuery *query, unsigned lacks)
{
        return grant->unenforced && !(lacks & (LACKS_TENANCY | LACKS_CALLER)) &&
               (query->rights & ~RIGHTS_ALWAYS_ENFORCED);
}

/* Returns NULL without memory. */
static TokenBucket *grant_bucket(Grant *grant, uid_t uid)
{
        GrantBucket *grown;

        for (size_t i = 0; i < grant->n_buckets; i++)
                if (grant->buckets[i].uid == uid)
                        return &grant->buckets[i].bucket;
        grown = reallocarray(grant->buckets, grant->n_buckets + 1, sizeof(GrantBucket));
        if (!grown)
                return NULL;
        grant->buckets = grown;
        grown[grant->n_buckets] = (GrantBucket){.uid = uid};
        return &grown[grant->n_buckets++].bucket;
}

/* Counts a call; `now_ms` NULL: does not. Returns whether it is within MaxCallsPerSec=. */
static bool take_call(Grant *grant, uid_t uid, const uint64_t *now_ms)
{
        uint32_t rate = grant->max_calls_per_s;
        TokenBucket *bucket;

        if (rate == 0 || !now_ms)
                return true;
        bucket = grant_bucket(grant, uid);
        return bucket && token_bucket_take(bucket, *now_ms, rate, rate, 1);
}

/* The decision for a call that no grant allows. */
static AccessDecision decide_exception(const AccessDecision *unenforced,
                                       const AccessDecision *nearest, uid_t uid,
                                       const uint64_t *now_ms)
{
        if (!unenforced->grant)
                return *nearest;
        if (take_call(unenforced->grant, uid, now_ms))
                return *unenforced;
        return (AccessDecision){ACCESS_LIMITED, unenforced->grant, unenforced->lacks};
}

static AccessDecision decide(const GrantList *list, const AccessQuery *query,
                             const uint64_t *now_ms)
{
        AccessDecision unenforced = {.verdict = ACCESS_UNENFORCED}, nearest = {}, limited = {};
        uid_t uid = query->caller->uid;

        if (uid == 0)
                return (AccessDecision){.verdict = ACCESS_ALLOWED};
        for (size_t i = 0; i < list->n_grants; i++) {
                Grant *grant = list->grants[i];
                unsigned lacks = find_lacks(grant, query);

                if (lacks == 0 && take_call(grant, uid, now_ms))
                        return (AccessDecision){.verdict = ACCESS_ALLOWED, .grant = grant};
                if (lacks == 0)
                        limited = (AccessDecision){.verdict = ACCESS_LIMITED, .grant = grant};
                else if (!unenforced.grant && is_unenforced(grant, query, lacks))
                        unenforced = (AccessDecision){ACCESS_UNENFORCED, grant, lacks};
                if (!nearest.grant || lacks < nearest.lacks)
                        nearest = (AccessDecision){ACCESS_DENIED, grant, lacks};
        }
        return limited.grant ? limited : decide_exception(&unenforced, &nearest, uid, now_ms);
}

AccessDecision access_decide(const GrantList *list, const AccessQuery *query)
{
        return decide(list, query, NULL);
}

AccessDecision access_take_call(const GrantList *list, const AccessQuery *query, uint64_t now_ms)
{
        return decide(list, query, &now_ms);
}

bool grants_allow(const GrantList *list, const Caller *caller, const char *tenancy, unsigned rights,
                  const char *rp_id)
{
        const AccessQuery query = {
                .caller = caller, .tenancy = tenancy, .rights = rights, .rp_id = rp_id};

        return access_is_allowed(access_decide(list, &query).verdict);
}

static int push_assignment(char ***list, const char *key, const char *value)
{
        _cleanup_(freep) char *text = text_format("%s=%s", key, value);

        return text ? strv_push(list, text) : -ENOMEM;
}

int access_list_lacks(const AccessQuery *query, unsigned lacks, char ***ret)
{
        _cleanup_(strv_freep) char **list = NULL;
        char uid[16];
        int r = 0;

        (void) snprintf(uid, sizeof(uid), "%u", query->caller->uid);
        if (lacks & LACKS_TENANCY)
                r = push_assignment(&list, "Tenancy", query->tenancy);
        if (r == 0 && (lacks & LACKS_CALLER))
                r = push_assignment(&list, "User", uid);
        if (r == 0 && (lacks & LACKS_RIGHT) && query->rights)
                r = push_assignment(&list, "Allow",
                                    query->rights == RIGHT_ALL ? ""
                                                               : right_first_name(query->rights));
        if (r == 0 && (lacks & LACKS_RP) && domain_name_is_valid(query->rp_id))
                r = push_assignment(&list, "RpId", query->rp_id);
        if (r == 0)
                *ret = TAKE_PTR(list);
        return r;
}
