/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "client/libpasslock/types/bus-string.h"
#include "client/libpasslock/types/result.h"

struct passlock_token {
        unsigned n_ref;
        uint64_t expires_at_ms;
        char *text;
};

static void token_destroy(passlock_token *token)
{
        bus_string_erase_and_free(token->text);
        free(token);
}

DEFINE_REF(passlock_token, token_destroy);

_public_ const char *passlock_token_get_text(const passlock_token *token)
{
        return token->text;
}

_public_ uint64_t passlock_token_get_expires_at_ms(const passlock_token *token)
{
        return token->expires_at_ms;
}

static int token_read(sd_bus_message *reply, Result *ret)
{
        _cleanup_(passlock_token_unrefp) passlock_token *token = NULL;
        const char *text;

        token = calloc(1, sizeof(passlock_token));
        if (!token)
                return -ENOMEM;
        token->n_ref = 1;
        if (sd_bus_message_read(reply, "st", &text, &token->expires_at_ms) <= 0)
                return -EPROTO;
        token->text = strdup(text);
        if (!token->text)
                return -ENOMEM;
        ret->token = TAKE_PTR(token);
        return 0;
}

static void token_clear(Result *result)
{
        result->token = passlock_token_unref(result->token);
}

static void token_deliver(passlock *client, Callback callback, int r, const char *error_text,
                          const Result *result, void *userdata)
{
        ((passlock_token_callback) callback)(client, r, error_text, result->token, userdata);
}

const ResultType result_token = {
        .read = token_read,
        .clear = token_clear,
        .deliver = token_deliver,
};
