/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "client/libpasslock/types/result.h"
#include "client/libpasslock/types/vardict-array.h"
#include "client/libpasslock/types/vardict.h"

struct passlock_right {
        unsigned n_ref;
        char *tenancy;
        char *source;
        char *grant;
        char **names;
        char **rp_ids;
        bool authenticate;
};

struct passlock_right_list {
        unsigned n_ref;
        VardictArray array;
};

#define FIELD(name, type, required, member) \
        { \
                (name), (type), (required), offsetof(passlock_right, member) \
        }

static const VardictField fields[] = {
        FIELD("tenancy", 's', true, tenancy), FIELD("source", 's', true, source),
        FIELD("names", 'a', true, names),     FIELD("grant", 's', false, grant),
        FIELD("rp_ids", 'a', false, rp_ids),  FIELD("authenticate", 'b', false, authenticate),
};

static void right_destroy(passlock_right *right)
{
        vardict_clear(fields, ARRAY_SIZE(fields), right);
        free(right);
}

DEFINE_REF(passlock_right, right_destroy);

_public_ const char *passlock_right_get_tenancy(const passlock_right *right)
{
        return right->tenancy;
}

_public_ const char *passlock_right_get_source(const passlock_right *right)
{
        return right->source;
}

_public_ const char *passlock_right_get_grant(const passlock_right *right)
{
        return right->grant;
}

static const char *const *list_or_none(char **list)
{
        static const char *const none[] = {NULL};

        return list ? (const char *const *) list : none;
}

_public_ const char *const *passlock_right_get_names(const passlock_right *right)
{
        return list_or_none(right->names);
}

_public_ const char *const *passlock_right_get_rp_ids(const passlock_right *right)
{
        return list_or_none(right->rp_ids);
}

_public_ bool passlock_right_needs_authentication(const passlock_right *right)
{
        return right->authenticate;
}

static void right_list_destroy(passlock_right_list *rights)
{
        for (size_t i = 0; i < rights->array.n; i++)
                passlock_right_unref(rights->array.items[i]);
        free(rights->array.items);
        free(rights);
}

DEFINE_REF(passlock_right_list, right_list_destroy);

_public_ size_t passlock_right_list_get_size(const passlock_right_list *rights)
{
        return rights->array.n;
}

_public_ passlock_right *passlock_right_list_get(const passlock_right_list *rights, size_t index)
{
        return index < rights->array.n ? rights->array.items[index] : NULL;
}

static int read_one(sd_bus_message *m, void **ret)
{
        _cleanup_(passlock_right_unrefp) passlock_right *right = NULL;
        int r;

        right = calloc(1, sizeof(passlock_right));
        if (!right)
                return -ENOMEM;
        right->n_ref = 1;
        r = vardict_read(m, fields, ARRAY_SIZE(fields), right);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(right);
        return 0;
}

static int right_list_read(sd_bus_message *reply, Result *ret)
{
        _cleanup_(passlock_right_list_unrefp) passlock_right_list *rights = NULL;
        int r;

        rights = calloc(1, sizeof(passlock_right_list));
        if (!rights)
                return -ENOMEM;
        rights->n_ref = 1;
        r = vardict_array_read(&rights->array, reply, read_one);
        if (r < 0)
                return r;
        ret->rights = TAKE_PTR(rights);
        return 0;
}

static void right_list_clear(Result *result)
{
        result->rights = passlock_right_list_unref(result->rights);
}

static void right_list_deliver(passlock *client, Callback callback, int r, const char *error_text,
                               const Result *result, void *userdata)
{
        ((passlock_right_list_callback) callback)(client, r, error_text, result->rights, userdata);
}

const ResultType result_rights = {
        .read = right_list_read,
        .clear = right_list_clear,
        .deliver = right_list_deliver,
};
