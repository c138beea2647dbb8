/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "client/libpasslock/types/bus-string.h"
#include "client/libpasslock/types/result.h"

typedef struct Warning {
        char *code;
        char *message;
        char *passkey_id; /* NULL: of none */
} Warning;

struct passlock_management {
        unsigned n_ref;
        uint64_t expires_at_ms;
        char *token;
        Warning *warnings;
        size_t n_warnings;
};

static void management_destroy(passlock_management *management)
{
        for (size_t i = 0; i < management->n_warnings; i++) {
                free(management->warnings[i].code);
                free(management->warnings[i].message);
                free(management->warnings[i].passkey_id);
        }
        free(management->warnings);
        bus_string_erase_and_free(management->token);
        free(management);
}

DEFINE_REF(passlock_management, management_destroy);

_public_ const char *passlock_management_get_token(const passlock_management *management)
{
        return management->token;
}

_public_ uint64_t passlock_management_get_expires_at_ms(const passlock_management *management)
{
        return management->expires_at_ms;
}

_public_ size_t passlock_management_get_n_warnings(const passlock_management *management)
{
        return management->n_warnings;
}

#define DEFINE_GETTER(member) \
        _public_ const char *passlock_management_get_warning_##member( \
                const passlock_management *management, size_t index) \
        { \
                return index < management->n_warnings ? management->warnings[index].member : NULL; \
        } \
        struct swallow_semicolon

DEFINE_GETTER(code);
DEFINE_GETTER(message);
DEFINE_GETTER(passkey_id);

static int management_add_warning(passlock_management *management, const char *code,
                                  const char *message, const char *passkey_id)
{
        Warning *grown, *warning;

        grown = reallocarray(management->warnings, management->n_warnings + 1, sizeof(Warning));
        if (!grown)
                return -ENOMEM;
        management->warnings = grown;
        warning = &grown[management->n_warnings++];
        warning->code = strdup(code);
        warning->message = strdup(message);
        warning->passkey_id = *passkey_id ? strdup(passkey_id) : NULL;
        if (!warning->code || !warning->message || (*passkey_id && !warning->passkey_id))
                return -ENOMEM;
        return 0;
}

static int management_read_warnings(passlock_management *management, sd_bus_message *reply)
{
        const char *code, *message, *passkey_id;
        int r;

        if (sd_bus_message_enter_container(reply, SD_BUS_TYPE_ARRAY, "(sss)") <= 0)
                return -EPROTO;
        while ((r = sd_bus_message_read(reply, "(sss)", &code, &message, &passkey_id)) > 0) {
                r = management_add_warning(management, code, message, passkey_id);
                if (r < 0)
                        return r;
        }
        return r < 0 ? -EPROTO : 0;
}

static int management_read(sd_bus_message *reply, Result *ret)
{
        _cleanup_(passlock_management_unrefp) passlock_management *management = NULL;
        const char *token;
        int r;

        management = calloc(1, sizeof(passlock_management));
        if (!management)
                return -ENOMEM;
        management->n_ref = 1;
        if (sd_bus_message_read(reply, "st", &token, &management->expires_at_ms) <= 0)
                return -EPROTO;
        management->token = strdup(token);
        if (!management->token)
                return -ENOMEM;
        r = management_read_warnings(management, reply);
        if (r < 0)
                return r;
        ret->management = TAKE_PTR(management);
        return 0;
}

static void management_clear(Result *result)
{
        result->management = passlock_management_unref(result->management);
}

static void management_deliver(passlock *client, Callback callback, int r, const char *error_text,
                               const Result *result, void *userdata)
{
        ((passlock_management_callback) callback)(client, r, error_text, result->management,
                                                  userdata);
}

const ResultType result_management = {
        .read = management_read,
        .clear = management_clear,
        .deliver = management_deliver,
};
