/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

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

const char *right_first_name(unsigned rights)
{
        return rights & RIGHT_ALL ? right_name((Right) (1U << __builtin_ctz(rights))) : NULL;
}

int right_list_names(unsigned rights, char ***ret)
{
        _cleanup_(strv_freep) char **names = NULL;
        int r = 0;

        for (unsigned bit = 1; r == 0 && bit < RIGHT_ALL; bit <<= 1)
                if (rights & bit)
                        r = strv_push(&names, right_name((Right) bit));
        if (r == 0)
                *ret = TAKE_PTR(names);
        return r;
}

Grant *grant_free(Grant *grant)
{
        if (!grant)
                return NULL;
        free(grant->name);
        free(grant->place);
        free(grant->tenancy);
        grant_clear_users(grant);
        grant_clear_groups(grant);
        free(grant->uids);
        free(grant->gids);
        free(grant->names);
        grant_clear_rights(grant);
        strv_free(grant->rp_ids);
        free(grant->buckets);
        free(grant->enforce_place);
        unenforced_uses_free(grant->uses);
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

int grant_allow(Grant *grant, unsigned rights, const char *place)
{
        for (size_t i = 0; i < N_RIGHTS; i++) {
                if (!(rights & (1U << i)) || grant->places[i])
                        continue;
                grant->places[i] = strdup(place);
                if (!grant->places[i])
                        return -ENOMEM;
        }
        grant->allow |= rights;
        return 0;
}

void grant_clear_rights(Grant *grant)
{
        grant->allow = 0;
        for (size_t i = 0; i < N_RIGHTS; i++)
                grant->places[i] = (free(grant->places[i]), NULL);
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
