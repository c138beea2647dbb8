/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "client/libpasslock/types/result.h"
#include "client/libpasslock/types/vardict.h"

struct passlock_principal {
        unsigned n_ref;
        char *id;
        char *user_id;
        char *authenticator_id;
        char *authenticator_type;
        char *platform_name;
        char *ip_address;
        char *user_agent;
        uint64_t created_at_ms;
        uint64_t expires_at_ms;
        bool verified;
        bool user_verified;
        bool linked;
        bool newly_linked;
};

#define FIELD(name, type, required, member) \
        { \
                (name), (type), (required), offsetof(passlock_principal, member) \
        }

static const VardictField fields[] = {
        FIELD("id", 's', true, id),
        FIELD("user_id", 's', true, user_id),
        FIELD("authenticator_id", 's', true, authenticator_id),
        FIELD("authenticator_type", 's', true, authenticator_type),
        FIELD("created_at", 't', true, created_at_ms),
        FIELD("expires_at", 't', true, expires_at_ms),
        FIELD("verified", 'b', true, verified),
        FIELD("user_verified", 'b', true, user_verified),
        FIELD("platform_name", 's', false, platform_name),
        FIELD("ip_address", 's', false, ip_address),
        FIELD("user_agent", 's', false, user_agent),
        FIELD("linked", 'b', false, linked),
        FIELD("newly_linked", 'b', false, newly_linked),
};

static void principal_destroy(passlock_principal *principal)
{
        free(principal->id);
        free(principal->user_id);
        free(principal->authenticator_id);
        free(principal->authenticator_type);
        free(principal->platform_name);
        free(principal->ip_address);
        free(principal->user_agent);
        free(principal);
}

DEFINE_REF(passlock_principal, principal_destroy);

#define DEFINE_GETTER(type, name, member) \
        _public_ type passlock_principal_##name(const passlock_principal *principal) \
        { \
                return principal->member; \
        } \
        struct swallow_semicolon

DEFINE_GETTER(const char *, get_id, id);
DEFINE_GETTER(const char *, get_user_id, user_id);
DEFINE_GETTER(const char *, get_authenticator_id, authenticator_id);
DEFINE_GETTER(const char *, get_authenticator_type, authenticator_type);
DEFINE_GETTER(const char *, get_platform_name, platform_name);
DEFINE_GETTER(const char *, get_ip_address, ip_address);
DEFINE_GETTER(const char *, get_user_agent, user_agent);
DEFINE_GETTER(uint64_t, get_created_at_ms, created_at_ms);
DEFINE_GETTER(uint64_t, get_expires_at_ms, expires_at_ms);
DEFINE_GETTER(bool, is_verified, verified);
DEFINE_GETTER(bool, is_user_verified, user_verified);
DEFINE_GETTER(bool, is_linked, linked);
DEFINE_GETTER(bool, is_newly_linked, newly_linked);

static int principal_read(sd_bus_message *reply, Result *ret)
{
        _cleanup_(passlock_principal_unrefp) passlock_principal *principal = NULL;
        int r;

        principal = calloc(1, sizeof(passlock_principal));
        if (!principal)
                return -ENOMEM;
        principal->n_ref = 1;
        r = vardict_read(reply, fields, ARRAY_SIZE(fields), principal);
        if (r < 0)
                return r;
        ret->principal = TAKE_PTR(principal);
        return 0;
}

static void principal_clear(Result *result)
{
        result->principal = passlock_principal_unref(result->principal);
}

static void principal_deliver(passlock *client, Callback callback, int r, const char *error_text,
                              const Result *result, void *userdata)
{
        ((passlock_principal_callback) callback)(client, r, error_text, result->principal,
                                                 userdata);
}

const ResultType result_principal = {
        .read = principal_read,
        .clear = principal_clear,
        .deliver = principal_deliver,
};
