/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/strv.h"
#include "client/libpasslock/transport/calls.h"
#include "client/libpasslock/types/vardict.h"
#include "dbus/names.h"

struct passlock_import {
        unsigned n_ref;
        uint64_t added;
        uint64_t present;
        char **conflicting;
        char **exceeding;
};

#define FIELD(member, type) \
        { \
#member, (type), true, offsetof(passlock_import, member) \
        }

static const VardictField fields[] = {
        FIELD(added, 't'),
        FIELD(present, 't'),
        FIELD(conflicting, 'a'),
        FIELD(exceeding, 'a'),
};

static void import_destroy(passlock_import *import)
{
        vardict_clear(fields, ARRAY_SIZE(fields), import);
        free(import);
}

DEFINE_REF(passlock_import, import_destroy);

static const char *const *list_of(char *const *strv)
{
        static const char *const none[] = {NULL};

        return strv ? (const char *const *) strv : none;
}

_public_ uint64_t passlock_import_get_added(const passlock_import *import)
{
        return import->added;
}

_public_ uint64_t passlock_import_get_present(const passlock_import *import)
{
        return import->present;
}

_public_ const char *const *passlock_import_get_conflicting(const passlock_import *import)
{
        return list_of(import->conflicting);
}

_public_ const char *const *passlock_import_get_exceeding(const passlock_import *import)
{
        return list_of(import->exceeding);
}

static int import_read(sd_bus_message *reply, Result *ret)
{
        _cleanup_(passlock_import_unrefp) passlock_import *import = NULL;
        int r;

        import = calloc(1, sizeof(passlock_import));
        if (!import)
                return -ENOMEM;
        import->n_ref = 1;
        r = vardict_read(reply, fields, ARRAY_SIZE(fields), import);
        if (r < 0)
                return r;
        ret->import = TAKE_PTR(import);
        return 0;
}

static void import_clear(Result *result)
{
        result->import = passlock_import_unref(result->import);
}

static void import_deliver(passlock *client, Callback callback, int r, const char *error_text,
                           const Result *result, void *userdata)
{
        ((passlock_import_callback) callback)(client, r, error_text, result->import, userdata);
}

static const ResultType result_import = {
        .read = import_read,
        .clear = import_clear,
        .deliver = import_deliver,
};

static const Method method = {
        .interface = PASSLOCK_INTERFACE_LINKS,
        .member = "Import",
        .takes_links = true,
        .takes_options = true,
        .result = &result_import,
};

_public_ int passlock_links_import(passlock *client, passlock_link *const *links,
                                   const passlock_options *options, passlock_import **ret)
{
        const Arguments arguments = {.links = links, .options = options};
        Result result = {};
        int r;

        if (!ret)
                return -EINVAL;
        r = calls_perform(client, &method, &arguments, &result);
        if (r == 0)
                *ret = result.import;
        return r;
}

_public_ int passlock_links_import_async(passlock *client, passlock_link *const *links,
                                         const passlock_options *options,
                                         passlock_import_callback callback, void *userdata,
                                         passlock_call **ret_call)
{
        const Arguments arguments = {.links = links, .options = options};

        return calls_begin(client, &method, &arguments, (Callback) callback, userdata, ret_call);
}
