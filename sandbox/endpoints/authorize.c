/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Authorization of ceremonies: the backend sets the parameters and gets a token for the page. */

#include <stdio.h>

#include "sandbox/endpoints/handlers.h"
#include "sandbox/endpoints/request-body.h"

enum {
        TIMEOUT_MAX_MS = 60 * 60 * 1000,
        TIMEOUT_DEFAULT_MS = 60 * 1000,
};

static const char *const user_verifications[] = {"preferred", "required", "discouraged", NULL};
static const char *const mediations[] = {"required", "conditional", NULL};

/* Clients of version 2.8 and earlier send no rpName. Returns an owned name, NULL on error. */
static char *read_rp_name(RequestBody *body, const char *rp_id)
{
        if (json_object_get(body->object, "rpName"))
                return request_body_trimmed(body, "rpName", REQUEST_BODY_TEXT_MAX);
        if (!rp_id)
                return NULL;
        fprintf(stderr,
                "passlock-sandbox: A registration for %s was authorized without rpName, the rpId "
                "is "
                "used instead\n",
                rp_id);
        return must(strdup(rp_id));
}

/* Returns the owned parameters of the ceremony, or NULL if the body is invalid. */
static json_t *read_registration(RequestBody *body)
{
        _cleanup_(freep) char *rp_id = request_body_domain(body, "rpId");
        _cleanup_(freep) char *rp_name = read_rp_name(body, rp_id);
        const char *user_id = request_body_text(body, "userId", REQUEST_BODY_TEXT_MAX);
        const char *username = request_body_text(body, "username", REQUEST_BODY_TEXT_MAX);
        const char *display_name =
                request_body_optional_text(body, "displayName", REQUEST_BODY_TEXT_MAX);
        _cleanup_(json_decrefp) json_t *exclude = request_body_texts(body, "excludeCredentials");
        const char *verification =
                request_body_choice(body, "userVerification", user_verifications);
        int64_t timeout_ms =
                request_body_number(body, "timeout", TIMEOUT_MAX_MS, TIMEOUT_DEFAULT_MS);

        if (*body->problem)
                return NULL;
        return must(json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:s, s:I}", "rpId", rp_id, "rpName",
                              rp_name, "userId", user_id, "username", username, "displayName",
                              display_name ? display_name : username, "excludeCredentials",
                              exclude ? json_incref(exclude) : json_array(), "userVerification",
                              verification, "timeout", (json_int_t) timeout_ms));
}

/* Returns the reply with a token; takes ownership of the ceremony. */
static Reply *grant(const Call *call, TokenKind kind, json_t *ceremony, const char *tag,
                    const char *member)
{
        _cleanup_(freep) char *token = NULL;
        int64_t expires_at_ms;

        token = call_issue(call, kind, TOKEN_LIFETIME_MS, ceremony, &expires_at_ms);
        return reply_json(200, json_pack("{s:s, s:s, s:I}", "_tag", tag, member, token, "expiresAt",
                                         (json_int_t) expires_at_ms));
}

Reply *handle_registration_authorize(const Call *call)
{
        RequestBody body = {call->json_body};
        json_t *registration;

        registration = read_registration(&body);
        if (!registration)
                return reply_error(ERROR_BAD_REQUEST, body.problem);
        return grant(call, TOKEN_REGISTRATION, registration, "AuthorizedPasskeyRegistration",
                     "registrationToken");
}

static bool may_sign_in(const json_t *passkey, const char *rp_id, const char *user_id)
{
        PasskeyOwner owner = passkey_owner(passkey);

        return passkey_is_enabled(passkey) && streq(owner.rp_id, rp_id) &&
               (!user_id || streq(owner.user_id, user_id));
}

/* Returns the owned ids of the allowed passkeys; unknown ids are ignored. */
static json_t *allowed_passkeys(const Vault *vault, const char *rp_id, const char *user_id,
                                const json_t *ids)
{
        _cleanup_(json_decrefp) json_t *candidates = NULL;
        json_t *allowed = must(json_array()), *passkey;
        size_t i;

        candidates =
                json_array_size(ids) > 0 ? vault_pick(vault, ids) : vault_of_user(vault, user_id);
        json_array_foreach(candidates, i, passkey) {
                if (may_sign_in(passkey, rp_id, user_id))
                        json_array_append_new(allowed, json_string(passkey_id(passkey)));
        }
        return allowed;
}

/* Returns the owned parameters of the ceremony, or NULL if the body is invalid. */
static json_t *read_authentication(const Call *call, RequestBody *body)
{
        _cleanup_(freep) char *rp_id = request_body_domain(body, "rpId");
        const char *user_id = request_body_optional_id(body, "userId", REQUEST_BODY_TEXT_MAX);
        _cleanup_(json_decrefp) json_t *ids = request_body_texts(body, "allowCredentials"),
                                       *allowed = NULL;
        bool discoverable = request_body_boolean(body, "discoverable", false);
        const char *mediation = request_body_choice(body, "mediation", mediations);
        const char *verification =
                request_body_choice(body, "userVerification", user_verifications);
        int64_t timeout_ms =
                request_body_number(body, "timeout", TIMEOUT_MAX_MS, TIMEOUT_DEFAULT_MS);
        bool scoped = user_id || json_array_size(ids) > 0;

        if (scoped && discoverable)
                request_body_fail(
                        body, "discoverable cannot be combined with userId or allowCredentials");
        if (!scoped && !discoverable)
                request_body_fail(body, "userId, allowCredentials or discoverable is required");
        if (!discoverable && *body->problem == '\0' && streq(mediation, "conditional"))
                request_body_fail(body, "conditional mediation requires discoverable");
        if (*body->problem)
                return NULL;
        /* An empty list allows any passkey of the RP ID. */
        allowed = scoped ? allowed_passkeys(&call->tenancy->vault, rp_id, user_id, ids)
                         : must(json_array());
        if (scoped && json_array_size(allowed) == 0)
                return request_body_fail(body,
                                         "No enabled passkey matches userId and allowCredentials");
        return must(json_pack("{s:s, s:O, s:s, s:s, s:I}", "rpId", rp_id, "allowed", allowed,
                              "mediation", mediation, "userVerification", verification, "timeout",
                              (json_int_t) timeout_ms));
}

Reply *handle_authentication_authorize(const Call *call)
{
        RequestBody body = {call->json_body};
        json_t *authentication;

        authentication = read_authentication(call, &body);
        if (!authentication)
                return reply_error(ERROR_BAD_REQUEST, body.problem);
        return grant(call, TOKEN_AUTHENTICATION, authentication, "AuthorizedPasskeyAuthentication",
                     "authenticationToken");
}
