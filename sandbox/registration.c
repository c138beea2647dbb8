/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The page creates a passkey: it fetches the options, then hands the new credential in. */

#include "sandbox/cose-key.h"
#include "sandbox/form.h"
#include "sandbox/handlers.h"
#include "sandbox/principal.h"
#include "sandbox/random.h"

enum {
        CHALLENGE_LEN = 32,
        SESSION_LIFETIME_MIN_MS = 5 * 60 * 1000,
        SESSION_GRACE_MS = 60 * 1000, /* beyond the timeout of the ceremony itself */
};

/* The origin that the ceremony will be held to; a page cannot choose this header. */
static const char *check_origin(const Call *call)
{
        _cleanup_(json_decrefp) json_t *text = call->origin ? json_string(call->origin) : NULL;
        size_t len = json_string_length(text);

        if (len < 1 || len > FORM_TEXT_MAX || streq(call->origin, "null"))
                return "The request must come from a page, with its Origin";
        return NULL;
}

static json_t *offered_algorithms(void)
{
        json_t *params = must(json_array());

        for (size_t i = 0; i < ARRAY_SIZE(cose_algorithms); i++)
                json_array_append_new(params, json_pack("{s:s, s:i}", "type", "public-key", "alg",
                                                        cose_algorithms[i]));
        return params;
}

/* Passkey ids are ours; authenticators know the ids of credentials. Unknown ones are ignored. */
static json_t *excluded_credentials(const Vault *vault, const json_t *passkey_ids)
{
        json_t *excluded = must(json_array()), *id;
        size_t i;

        json_array_foreach(passkey_ids, i, id)
        {
                const json_t *passkey = vault_find(vault, json_string_value(id));
                json_t *item;

                if (!passkey)
                        continue;
                item = must(json_pack("{s:s, s:s}", "id", passkey_credential_id(passkey), "type",
                                      "public-key"));
                if (json_array_size(passkey_transports(passkey)) > 0)
                        json_object_set(item, "transports", (json_t *) passkey_transports(passkey));
                json_array_append_new(excluded, item);
        }
        return excluded;
}

static json_t *creation_options(const Call *call, const json_t *registration, const char *handle,
                                const char *challenge)
{
        json_t *exclude = json_object_get(registration, "excludeCredentials");

        return must(json_pack(
                "{s:{s:O, s:O}, s:{s:s, s:O, s:O}, s:s, s:o, s:O, s:o, s:{s:s, s:b, s:O}, s:s, "
                "s:{s:b}}",
                "rp", "name", json_object_get(registration, "rpName"), "id",
                json_object_get(registration, "rpId"), "user", "id", handle, "name",
                json_object_get(registration, "username"), "displayName",
                json_object_get(registration, "displayName"), "challenge", challenge,
                "pubKeyCredParams", offered_algorithms(), "timeout",
                json_object_get(registration, "timeout"), "excludeCredentials",
                excluded_credentials(&call->tenancy->vault, exclude), "authenticatorSelection",
                "residentKey", "required", "requireResidentKey", 1, "userVerification",
                json_object_get(registration, "userVerification"), "attestation", "none",
                "extensions", "credProps", 1));
}

/* Returns the owned session token, or NULL if too many are pending. */
static char *issue_session(const Call *call, const json_t *registration, const char *handle,
                           const char *challenge)
{
        int64_t timeout_ms = json_integer_value(json_object_get(registration, "timeout"));
        int64_t lifetime_ms = timeout_ms + SESSION_GRACE_MS, now_ms;
        json_t *session;

        if (lifetime_ms < SESSION_LIFETIME_MIN_MS)
                lifetime_ms = SESSION_LIFETIME_MIN_MS;
        now_ms = sandbox_now_ms(call->sandbox);
        session = must(
                json_pack("{s:s, s:s, s:O, s:O, s:O, s:s, s:O}", "challenge", challenge, "origin",
                          call->origin, "rpId", json_object_get(registration, "rpId"), "userId",
                          json_object_get(registration, "userId"), "username",
                          json_object_get(registration, "username"), "userHandle", handle,
                          "userVerification", json_object_get(registration, "userVerification")));
        return token_store_issue(&call->tenancy->tokens, TOKEN_REGISTRATION_SESSION, now_ms,
                                 now_ms + lifetime_ms, session);
}

/* Redeems the token that a request brings under this name. Returns the owned payload, or NULL. */
static json_t *redeem(const Call *call, const char *name, TokenKind kind)
{
        const char *token = json_string_value(json_object_get(call->request, name));
        json_t *payload = NULL;

        if (token)
                payload = token_store_redeem(&call->tenancy->tokens, kind,
                                             sandbox_now_ms(call->sandbox), token);
        if (payload)
                call_touch(call);
        return payload;
}

static const char *text(const json_t *object, const char *key)
{
        return json_string_value(json_object_get(object, key));
}

Reply *handle_registration_options(const Call *call)
{
        _cleanup_(json_decrefp) json_t *registration = NULL;
        _cleanup_(freep) char *handle = NULL, *challenge = NULL, *session = NULL;
        const char *problem;

        problem = check_origin(call);
        if (problem)
                return reply_error(ERROR_BAD_REQUEST, problem);
        registration = redeem(call, "registrationToken", TOKEN_REGISTRATION);
        if (!registration)
                return reply_error(ERROR_BAD_REQUEST,
                                   "The registrationToken is unknown, expired or already used");
        handle = sandbox_user_handle(call->sandbox, call->tenancy, text(registration, "rpId"),
                                     text(registration, "userId"));
        challenge = random_text("", CHALLENGE_LEN);
        session = issue_session(call, registration, handle, challenge);
        if (!session)
                return reply_error(ERROR_BAD_REQUEST, "Too many tokens are pending");
        return reply_json(200, json_pack("{s:s, s:o}", "sessionToken", session, "optionsJSON",
                                         creation_options(call, registration, handle, challenge)));
}

/* Returns the new passkey, lent by the vault, or what is wrong in a static sentence. */
static const char *register_passkey(const Call *call, const json_t *session,
                                    const json_t **ret_passkey, bool *ret_user_verified)
{
        _cleanup_(credential_freep) Credential *credential = NULL;
        Ceremony ceremony = {
                .challenge = text(session, "challenge"),
                .origin = text(session, "origin"),
                .rp_id = text(session, "rpId"),
                .user_verification_required = streq(text(session, "userVerification"), "required"),
        };
        PasskeyOwner owner = {
                .rp_id = ceremony.rp_id,
                .user_id = text(session, "userId"),
                .username = text(session, "username"),
                .user_handle = text(session, "userHandle"),
        };
        const char *problem;

        problem = ceremony_verify_registration(
                &ceremony, json_object_get(call->request, "response"), &credential);
        if (problem)
                return problem;
        if (vault_find_credential(&call->tenancy->vault, credential->id))
                return "This credential is already registered";
        *ret_passkey =
                vault_add(&call->tenancy->vault, &owner, credential, sandbox_now_ms(call->sandbox));
        *ret_user_verified = credential->user_verified;
        return NULL;
}

Reply *handle_registration_verification(const Call *call)
{
        _cleanup_(json_decrefp) json_t *session = NULL;
        const json_t *passkey;
        const char *problem;
        bool user_verified;

        /* Used up by the attempt, whatever comes of it. */
        session = redeem(call, "sessionToken", TOKEN_REGISTRATION_SESSION);
        if (!session)
                return reply_error(ERROR_BAD_REQUEST,
                                   "The sessionToken is unknown, expired or already used");
        problem = register_passkey(call, session, &passkey, &user_verified);
        if (problem)
                return reply_error(ERROR_BAD_REQUEST, problem);
        return principal_issue(call, passkey, user_verified, "RegistrationSuccess");
}
