/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "client/libpasslock/types/bus-string.h"
#include "client/libpasslock/types/result.h"

struct passlock_token {
        Object object;
        uint64_t expires_at_ms;
        char *text;
};

static void token_clear(void *object)
{
        passlock_token *token = object;

        bus_string_erase_and_free(token->text);
}

static int token_read(sd_bus_message *m, void *object)
{
        passlock_token *token = object;
        const char *text;

        if (sd_bus_message_read(m, "st", &text, &token->expires_at_ms) <= 0)
                return -EPROTO;
        token->text = strdup(text);
        return token->text ? 0 : -ENOMEM;
}

static const ObjectType type = {
        .size = sizeof(passlock_token),
        .read = token_read,
        .clear = token_clear,
};

DEFINE_REF(token);

DEFINE_GETTER(token, const char *, get_text, text);
DEFINE_GETTER(token, uint64_t, get_expires_at_ms, expires_at_ms);

DEFINE_RESULT(token, token, type);
