/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sandbox/endpoints/call.h"

void call_done(Call *call)
{
        free(call->tenancy_id);
        free(call->argument);
        json_decref(call->json_body);
        call->tenancy_id = call->argument = NULL;
        call->json_body = NULL;
        call->tenancy = NULL;
}

void call_touch(const Call *call)
{
        call->sandbox->dirty = true;
}

json_t *call_redeem(const Call *call, const char *member, TokenKind kind)
{
        const char *token = json_string_value(json_object_get(call->json_body, member));
        json_t *payload = NULL;

        if (token)
                payload = token_store_redeem(&call->tenancy->tokens, kind,
                                             sandbox_now_ms(call->sandbox), token);
        if (payload)
                call_touch(call);
        return payload;
}

char *call_issue(const Call *call, TokenKind kind, int64_t lifetime_ms, json_t *payload,
                 int64_t *ret_expires_at_ms)
{
        int64_t now_ms = sandbox_now_ms(call->sandbox);

        call_touch(call);
        *ret_expires_at_ms = now_ms + lifetime_ms;
        return token_store_issue(&call->tenancy->tokens, kind, now_ms, *ret_expires_at_ms, payload);
}
