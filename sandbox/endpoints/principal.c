/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sandbox/endpoints/handlers.h"
#include "sandbox/endpoints/principal.h"
#include "sandbox/tenancy/random.h"

enum {
        LIFETIME_S = 5 * 60, /* of code and id_token */
        ID_LEN = 12,         /* random bytes */
        USER_AGENT_MAX = 512,
};

/* The claims of a code and its id_token. Borrowed. */
typedef struct Principal {
        const char *id;
        const char *user_id;
        const json_t *passkey;
        bool user_verified;
        int64_t created_at_s;
} Principal;

static json_t *metadata(const Call *call)
{
        json_t *metadata = must(json_object());

        if (call->address)
                json_object_set_new(metadata, "ipAddress", json_string(call->address));
        if (call->user_agent && strlen(call->user_agent) <= USER_AGENT_MAX)
                json_object_set_new(metadata, "userAgent", json_string(call->user_agent));
        return metadata;
}

static json_t *extended_principal(const Call *call, const Principal *principal)
{
        json_t *platform = json_object_get(json_object_get(principal->passkey, "platform"), "name");
        json_t *extended;

        extended = must(json_pack(
                "{s:s, s:s, s:s, s:s, s:s, s:{s:b, s:b}, s:I, s:I, s:o}", "_tag",
                "ExtendedPrincipal", "id", principal->id, "userId", principal->user_id,
                "authenticatorId", passkey_id(principal->passkey), "authenticatorType", "passkey",
                "passkey", "verified", 1, "userVerified", principal->user_verified, "createdAt",
                (json_int_t) principal->created_at_s * 1000, "expiresAt",
                (json_int_t) (principal->created_at_s + LIFETIME_S) * 1000, "metadata",
                metadata(call)));
        if (platform)
                json_object_set(json_object_get(extended, "passkey"), "platformName", platform);
        return extended;
}

static char *id_token(const Call *call, const Principal *principal)
{
        _cleanup_(json_decrefp) json_t *claims = NULL;

        claims = must(json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:s, s:s, s:b}", "iss",
                                "passlock.dev", "aud", call->tenancy->id, "sub", principal->user_id,
                                "jti", principal->id, "iat", (json_int_t) principal->created_at_s,
                                "exp", (json_int_t) principal->created_at_s + LIFETIME_S, "a:id",
                                passkey_id(principal->passkey), "a:typ", "passkey", "pk:uv",
                                principal->user_verified));
        return signer_sign(call->sandbox->signer, claims);
}

Reply *principal_issue(const Call *call, const json_t *passkey, bool user_verified, const char *tag)
{
        int64_t now_ms = sandbox_now_ms(call->sandbox);
        _cleanup_(freep) char *id = random_text("pr_", ID_LEN), *code = NULL, *token = NULL;
        Principal principal = {
                .id = id,
                .user_id = json_string_value(json_object_get(passkey, "userId")),
                .passkey = passkey,
                .user_verified = user_verified,
                .created_at_s = now_ms / 1000,
        };

        code = token_store_issue(&call->tenancy->tokens, TOKEN_CODE, now_ms,
                                 (principal.created_at_s + LIFETIME_S) * 1000,
                                 extended_principal(call, &principal));
        call_touch(call);
        token = id_token(call, &principal);
        return reply_json(200, json_pack("{s:s, s:{s:s, s:s}, s:s, s:s}", "_tag", tag, "principal",
                                         "authenticatorId", passkey_id(passkey), "userId",
                                         principal.user_id, "code", code, "id_token", token));
}

Reply *handle_jwks(const Call *call)
{
        return reply_json(200, signer_key_set(call->sandbox->signer));
}

Reply *handle_exchange(const Call *call)
{
        json_t *principal;

        principal = token_store_redeem(&call->tenancy->tokens, TOKEN_CODE,
                                       sandbox_now_ms(call->sandbox), call->argument);
        if (!principal)
                return reply_error(ERROR_INVALID_CODE,
                                   "This code is unknown, expired or already used");
        call_touch(call);
        return reply_json(200, principal);
}
