/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "client/libpasslock/types/result.h"
#include "client/libpasslock/types/vardict.h"

struct passlock_tenancy {
        unsigned n_ref;
        char *label;
        char *id;
        char *endpoint;
        char *ca_file;
        char *credential;
        char *state;
};

struct passlock_tenancy_list {
        unsigned n_ref;
        passlock_tenancy **tenancies;
        size_t n_tenancies;
};

#define FIELD(name, member) \
        { \
                (name), 's', true, offsetof(passlock_tenancy, member) \
        }

static const VardictField fields[] = {
        FIELD("Label", label),
        FIELD("TenancyId", id),
        FIELD("Endpoint", endpoint),
        FIELD("State", state),
        /* Missing in older daemons. */
        {"CaFile", 's', false, offsetof(passlock_tenancy, ca_file)},
        {"ApiKeyCredential", 's', false, offsetof(passlock_tenancy, credential)},
};

static void tenancy_destroy(passlock_tenancy *tenancy)
{
        free(tenancy->label);
        free(tenancy->id);
        free(tenancy->endpoint);
        free(tenancy->ca_file);
        free(tenancy->credential);
        free(tenancy->state);
        free(tenancy);
}

DEFINE_REF(passlock_tenancy, tenancy_destroy);

#define DEFINE_GETTER(member) \
        _public_ const char *passlock_tenancy_get_##member(const passlock_tenancy *tenancy) \
        { \
                return tenancy->member; \
        } \
        struct swallow_semicolon

DEFINE_GETTER(label);
DEFINE_GETTER(id);
DEFINE_GETTER(endpoint);
DEFINE_GETTER(state);
DEFINE_GETTER(credential);

_public_ const char *passlock_tenancy_get_ca_file(const passlock_tenancy *tenancy)
{
        return tenancy->ca_file && *tenancy->ca_file ? tenancy->ca_file : NULL;
}

static void tenancy_list_destroy(passlock_tenancy_list *tenancies)
{
        for (size_t i = 0; i < tenancies->n_tenancies; i++)
                passlock_tenancy_unref(tenancies->tenancies[i]);
        free(tenancies->tenancies);
        free(tenancies);
}

DEFINE_REF(passlock_tenancy_list, tenancy_list_destroy);

_public_ size_t passlock_tenancy_list_get_size(const passlock_tenancy_list *tenancies)
{
        return tenancies->n_tenancies;
}

_public_ passlock_tenancy *passlock_tenancy_list_get(const passlock_tenancy_list *tenancies,
                                                     size_t index)
{
        return index < tenancies->n_tenancies ? tenancies->tenancies[index] : NULL;
}

static passlock_tenancy *tenancy_new(void)
{
        passlock_tenancy *tenancy = calloc(1, sizeof(passlock_tenancy));

        if (tenancy)
                tenancy->n_ref = 1;
        return tenancy;
}

static int tenancy_read(sd_bus_message *reply, Result *ret)
{
        _cleanup_(passlock_tenancy_unrefp) passlock_tenancy *tenancy = tenancy_new();
        int r;

        if (!tenancy)
                return -ENOMEM;
        r = vardict_read(reply, fields, ARRAY_SIZE(fields), tenancy);
        if (r < 0)
                return r;
        ret->tenancy = TAKE_PTR(tenancy);
        return 0;
}

static void tenancy_clear(Result *result)
{
        result->tenancy = passlock_tenancy_unref(result->tenancy);
}

static void tenancy_deliver(passlock *client, Callback callback, int r, const char *error_text,
                            const Result *result, void *userdata)
{
        ((passlock_tenancy_callback) callback)(client, r, error_text, result->tenancy, userdata);
}

const ResultType result_tenancy = {
        .read = tenancy_read,
        .clear = tenancy_clear,
        .deliver = tenancy_deliver,
};

static int tenancy_list_push(passlock_tenancy_list *tenancies, const char *label, const char *id)
{
        _cleanup_(passlock_tenancy_unrefp) passlock_tenancy *tenancy = tenancy_new();
        passlock_tenancy **grown;

        if (!tenancy)
                return -ENOMEM;
        tenancy->label = strdup(label);
        tenancy->id = strdup(id);
        if (!tenancy->label || !tenancy->id)
                return -ENOMEM;
        grown = reallocarray(tenancies->tenancies, tenancies->n_tenancies + 1,
                             sizeof(passlock_tenancy *));
        if (!grown)
                return -ENOMEM;
        tenancies->tenancies = grown;
        tenancies->tenancies[tenancies->n_tenancies++] = TAKE_PTR(tenancy);
        return 0;
}

static int tenancy_list_read(sd_bus_message *reply, Result *ret)
{
        _cleanup_(passlock_tenancy_list_unrefp) passlock_tenancy_list *tenancies = NULL;
        const char *label, *id, *path;
        int r;

        tenancies = calloc(1, sizeof(passlock_tenancy_list));
        if (!tenancies)
                return -ENOMEM;
        tenancies->n_ref = 1;
        if (sd_bus_message_enter_container(reply, SD_BUS_TYPE_ARRAY, "(sso)") <= 0)
                return -EPROTO;
        while ((r = sd_bus_message_read(reply, "(sso)", &label, &id, &path)) > 0) {
                r = tenancy_list_push(tenancies, label, id);
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return -EPROTO;
        ret->tenancies = TAKE_PTR(tenancies);
        return 0;
}

static void tenancy_list_clear(Result *result)
{
        result->tenancies = passlock_tenancy_list_unref(result->tenancies);
}

static void tenancy_list_deliver(passlock *client, Callback callback, int r, const char *error_text,
                                 const Result *result, void *userdata)
{
        ((passlock_tenancy_list_callback) callback)(client, r, error_text, result->tenancies,
                                                    userdata);
}

const ResultType result_tenancies = {
        .read = tenancy_list_read,
        .clear = tenancy_list_clear,
        .deliver = tenancy_list_deliver,
};
