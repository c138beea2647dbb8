/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "client/libpasslock/types/bus-string.h"
#include "client/libpasslock/types/list.h"
#include "client/libpasslock/types/result.h"

typedef struct Warning {
        Object object;
        char *code;
        char *message;
        char *passkey_id; /* NULL: the warning is not about a passkey */
} Warning;

struct passlock_management {
        Object object;
        uint64_t expires_at_ms;
        char *token;
        List *warnings;
};

static int warning_read(sd_bus_message *m, void *object)
{
        const char *code, *message, *passkey_id;
        Warning *warning = object;

        if (sd_bus_message_read(m, "(sss)", &code, &message, &passkey_id) <= 0)
                return -EPROTO;
        warning->code = strdup(code);
        warning->message = strdup(message);
        warning->passkey_id = *passkey_id ? strdup(passkey_id) : NULL;
        if (!warning->code || !warning->message || (*passkey_id && !warning->passkey_id))
                return -ENOMEM;
        return 0;
}

static void warning_clear(void *object)
{
        Warning *warning = object;

        free(warning->code);
        free(warning->message);
        free(warning->passkey_id);
}

static const ObjectType warning_type = {
        .size = sizeof(Warning),
        .read = warning_read,
        .clear = warning_clear,
        .signature = "(sss)",
};
static const ObjectType warnings_type = LIST_TYPE(list_read, &warning_type);

static int management_read(sd_bus_message *m, void *object)
{
        passlock_management *management = object;
        const char *token;
        void *warnings;
        int r;

        if (sd_bus_message_read(m, "st", &token, &management->expires_at_ms) <= 0)
                return -EPROTO;
        management->token = strdup(token);
        if (!management->token)
                return -ENOMEM;
        r = object_read(m, &warnings_type, &warnings);
        if (r == 0)
                management->warnings = warnings;
        return r;
}

static void management_clear(void *object)
{
        passlock_management *management = object;

        object_unref(management->warnings);
        bus_string_erase_and_free(management->token);
}

static const ObjectType type = {
        .size = sizeof(passlock_management),
        .read = management_read,
        .clear = management_clear,
};

DEFINE_REF(management);

DEFINE_GETTER(management, const char *, get_token, token);
DEFINE_GETTER(management, uint64_t, get_expires_at_ms, expires_at_ms);
DEFINE_GETTER(management, size_t, get_n_warnings, warnings->n);

static const Warning *warning_at(const passlock_management *management, size_t index)
{
        static const Warning none;

        return index < management->warnings->n ? management->warnings->items[index] : &none;
}

_public_ const char *passlock_management_get_warning_code(const passlock_management *management,
                                                          size_t index)
{
        return warning_at(management, index)->code;
}

_public_ const char *passlock_management_get_warning_message(const passlock_management *management,
                                                             size_t index)
{
        return warning_at(management, index)->message;
}

_public_ const char *
passlock_management_get_warning_passkey_id(const passlock_management *management, size_t index)
{
        return warning_at(management, index)->passkey_id;
}

DEFINE_RESULT(management, management, type);
