/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <strings.h>

#include "base/strv.h"
#include "daemon/model/grant.h"

int right_from_name(const char *name, Right *ret)
{
        static const struct {
                const char *name;
                Right right;
        } rights[] = {
#define X(right_, bit, text) {(text), RIGHT_##right_},
                RIGHT_TABLE(X)
#undef X
                        {"All", RIGHT_ALL},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rights); i++)
                if (streq(rights[i].name, name)) {
                        *ret = rights[i].right;
                        return 0;
                }
        return -EINVAL;
}

const char *right_name(Right right)
{
        switch (right) {
#define X(right_, bit, text) \
        case RIGHT_##right_: \
                return text;
                RIGHT_TABLE(X)
#undef X
        default:
                return "All";
        }
}

Grant *grant_free(Grant *grant)
{
        if (!grant)
                return NULL;
        free(grant->name);
        free(grant->tenancy);
        grant_clear_users(grant);
        grant_clear_groups(grant);
        free(grant->uids);
        free(grant->gids);
        free(grant->names);
        strv_free(grant->rp_ids);
        free(grant->buckets);
        free(grant);
        return NULL;
}

int grant_add_uid(Grant *grant, uid_t uid)
{
        uid_t *grown = reallocarray(grant->uids, grant->n_uids + 1, sizeof(uid_t));

        if (!grown)
                return -ENOMEM;
        grant->uids = grown;
        grant->uids[grant->n_uids++] = uid;
        return 0;
}

int grant_add_gid(Grant *grant, gid_t gid)
{
        gid_t *grown = reallocarray(grant->gids, grant->n_gids + 1, sizeof(gid_t));

        if (!grown)
                return -ENOMEM;
        grant->gids = grown;
        grant->gids[grant->n_gids++] = gid;
        return 0;
}

int grant_add_name(Grant *grant, bool is_group, const char *name, const char *place)
{
        _cleanup_(freep) char *name_copy = strdup(name), *place_copy = strdup(place);
        GrantName *grown = reallocarray(grant->names, grant->n_names + 1, sizeof(GrantName));

        if (grown)
                grant->names = grown;
        if (!grown || !name_copy || !place_copy)
                return -ENOMEM;
        grant->names[grant->n_names++] = (GrantName){.is_group = is_group,
                                                     .name = TAKE_PTR(name_copy),
                                                     .place = TAKE_PTR(place_copy),
                                                     .result = NSS_RESULT_PENDING};
        return 0;
}

static void clear_names(Grant *grant, bool is_group)
{
        size_t n_kept = 0;

        for (size_t i = 0; i < grant->n_names; i++) {
                GrantName *name = &grant->names[i];

                if (name->is_group != is_group) {
                        grant->names[n_kept++] = *name;
                } else {
                        free(name->name);
                        free(name->place);
                }
        }
        grant->n_names = n_kept;
}

void grant_clear_users(Grant *grant)
{
        grant->n_uids = 0;
        clear_names(grant, false);
}

void grant_clear_groups(Grant *grant)
{
        grant->n_gids = 0;
        clear_names(grant, true);
}

int grant_list_push(GrantList *list, Grant *grant)
{
        _cleanup_(grant_freep) Grant *owned = grant;
        Grant **grown = reallocarray(list->grants, list->n_grants + 1, sizeof(Grant *));

        if (!grown)
                return -ENOMEM;
        list->grants = grown;
        list->grants[list->n_grants++] = TAKE_PTR(owned);
        return 0;
}

void grant_list_clear(GrantList *list)
{
        for (size_t i = 0; i < list->n_grants; i++)
                grant_free(list->grants[i]);
        free(list->grants);
        *list = (GrantList){};
}

static bool caller_is_in(const Caller *caller, gid_t gid)
{
        for (size_t i = 0; i < caller->n_gids; i++)
                if (caller->gids[i] == gid)
                        return true;
        return false;
}

static bool name_is_of(const GrantName *name, const Caller *caller)
{
        if (name->result.r <= 0)
                return false;
        return name->is_group ? caller_is_in(caller, name->result.id)
                              : caller->uid == name->result.id;
}

bool grant_is_for(const Grant *grant, const Caller *caller)
{
        for (size_t i = 0; i < grant->n_uids; i++)
                if (grant->uids[i] == caller->uid)
                        return true;
        for (size_t i = 0; i < grant->n_gids; i++)
                if (caller_is_in(caller, grant->gids[i]))
                        return true;
        for (size_t i = 0; i < grant->n_names; i++)
                if (name_is_of(&grant->names[i], caller))
                        return true;
        return false;
}

static bool grant_covers_rp(const Grant *grant, const char *rp_id)
{
        if (!rp_id || !grant->rp_ids)
                return true;
        /* The API lower-cases relying party ids: compare case-insensitively. */
        for (char **r = grant->rp_ids; *r; r++)
                if (strcasecmp(*r, rp_id) == 0)
                        return true;
        return false;
}

static bool grant_allows(const Grant *grant, const Caller *caller, const char *tenancy,
                         unsigned rights)
{
        return (!tenancy || streq(grant->tenancy, tenancy)) && (grant->allow & rights) &&
               grant_is_for(grant, caller);
}

bool grants_allow(const GrantList *list, const Caller *caller, const char *tenancy, unsigned rights,
                  const char *rp_id)
{
        if (caller->uid == 0)
                return true;
        for (size_t i = 0; i < list->n_grants; i++)
                if (grant_covers_rp(list->grants[i], rp_id) &&
                    grant_allows(list->grants[i], caller, tenancy, rights))
                        return true;
        return false;
}

const Grant *grants_find(const GrantList *list, const Caller *caller, const char *tenancy,
                         unsigned rights)
{
        for (size_t i = 0; i < list->n_grants; i++)
                if (grant_allows(list->grants[i], caller, tenancy, rights))
                        return list->grants[i];
        return NULL;
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

static bool grant_take_call(Grant *grant, uid_t uid, uint64_t now_ms)
{
        uint32_t rate = grant->max_calls_per_s;
        TokenBucket *bucket;

        if (rate == 0)
                return true;
        bucket = grant_bucket(grant, uid);
        return bucket && token_bucket_take(bucket, now_ms, rate, rate, 1);
}

GrantVerdict grants_take_call(const GrantList *list, const Caller *caller, const char *tenancy,
                              unsigned rights, const char *rp_id, uint64_t now_ms,
                              const Grant **ret_grant)
{
        GrantVerdict verdict = GRANT_DENIED;

        *ret_grant = NULL;
        if (caller->uid == 0)
                return GRANT_ALLOWED;
        for (size_t i = 0; i < list->n_grants; i++) {
                if (!grant_covers_rp(list->grants[i], rp_id) ||
                    !grant_allows(list->grants[i], caller, tenancy, rights))
                        continue;
                *ret_grant = list->grants[i];
                if (grant_take_call(list->grants[i], caller->uid, now_ms))
                        return GRANT_ALLOWED;
                verdict = GRANT_LIMITED;
        }
        return verdict;
}
