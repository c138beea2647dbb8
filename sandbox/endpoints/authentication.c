/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Authentication ceremony: request options, then verification of the assertion. */

#include "sandbox/endpoints/handlers.h"
#include "sandbox/endpoints/principal.h"
#include "sandbox/endpoints/session.h"

/* Returns the owned descriptors of the existing, enabled passkeys. */
static json_t *allowed_credentials(const Vault *vault, const json_t *passkey_ids)
{
        _cleanup_(json_decrefp) json_t *passkeys = vault_pick(vault, passkey_ids);
        json_t *allowed = must(json_array()), *passkey;
        size_t i;

        json_array_foreach(passkeys, i, passkey) {
                if (passkey_is_enabled(passkey))
                        json_array_append_new(allowed, passkey_descriptor(passkey));
        }
        return allowed;
}

/* Returns the reply with a session token; takes ownership of the allowed credentials. */
static Reply *start_ceremony(const Call *call, const json_t *authentication, json_t *allowed)
{
        _cleanup_(json_decrefp) json_t *session = session_new(call, authentication);
        _cleanup_(freep) char *token = NULL;
        const char *mediation = json_text(authentication, "mediation");

        json_object_set(session, "allowed", json_object_get(authentication, "allowed"));
        token = session_issue(call, TOKEN_AUTHENTICATION_SESSION, session, authentication,
                              streq(mediation, "conditional") ? SESSION_WAITING_LIFETIME_MS
                                                              : SESSION_LIFETIME_MS);
        return reply_json(
                200, json_pack("{s:s, s:s, s:{s:O, s:O, s:o, s:O, s:O}}", "sessionToken", token,
                               "mediation", mediation, "optionsJSON", "rpId",
                               json_object_get(session, "rpId"), "challenge",
                               json_object_get(session, "challenge"), "allowCredentials", allowed,
                               "timeout", json_object_get(authentication, "timeout"),
                               "userVerification", json_object_get(session, "userVerification")));
}

Reply *handle_authentication_options(const Call *call)
{
        _cleanup_(json_decrefp) json_t *authentication = NULL, *allowed = NULL;
        const char *problem;
        json_t *ids;

        problem = session_check_origin(call);
        if (problem)
                return reply_error(ERROR_BAD_REQUEST, problem);
        authentication = call_redeem(call, "authenticationToken", TOKEN_AUTHENTICATION);
        if (!authentication)
                return reply_error(ERROR_BAD_REQUEST,
                                   "The authenticationToken is unknown, expired or already used");
        ids = json_object_get(authentication, "allowed");
        allowed = allowed_credentials(&call->tenancy->vault, ids);
        /* An empty allowCredentials would allow any passkey. */
        if (json_array_size(ids) > 0 && json_array_size(allowed) == 0)
                return reply_error(ERROR_BAD_REQUEST,
                                   "All allowed passkeys are deleted or disabled");
        return start_ceremony(call, authentication, TAKE_PTR(allowed));
}

/* Checks that the session allows this passkey. */
static const char *check_passkey(const json_t *session, const json_t *passkey,
                                 const json_t *response)
{
        const json_t *allowed = json_object_get(session, "allowed");
        const json_t *handle = json_object_get(json_object_get(response, "response"), "userHandle");
        PasskeyOwner owner = passkey_owner(passkey);

        if (!streq(owner.rp_id, json_text(session, "rpId")))
                return "The passkey is for another relying party";
        if (json_array_size(allowed) > 0 && !json_array_contains(allowed, passkey_id(passkey)))
                return "The passkey is not in allowCredentials";
        if (!handle && json_array_size(allowed) == 0)
                return "response.response.userHandle is missing";
        if (handle &&
            (!json_is_string(handle) || !streq(json_string_value(handle), owner.user_handle)))
                return "response.response.userHandle must be the user handle of the passkey";
        if (!passkey_is_enabled(passkey))
                return "The passkey is disabled";
        return NULL;
}

static const char *check_assertion(const Call *call, const json_t *passkey,
                                   const Assertion *assertion)
{
        uint32_t last = passkey_counter(passkey);

        if (assertion->backup_eligible != passkey_is_backup_eligible(passkey))
                return "Backup eligibility flag (BE) has changed";
        /* Authenticators without a counter report zero. */
        if (!call->sandbox->ignore_counters && (last > 0 || assertion->counter > 0) &&
            assertion->counter <= last)
                return "The signature counter has not increased";
        return NULL;
}

static const char *authenticate(const Call *call, const json_t *session, json_t *passkey,
                                Assertion *ret)
{
        const json_t *response = json_object_get(call->json_body, "response");
        Ceremony ceremony = session_ceremony(session);
        const char *problem;
        Assertion assertion;

        problem = check_passkey(session, passkey, response);
        if (problem)
                return problem;
        problem = ceremony_verify_authentication(&ceremony, response, passkey_public_key(passkey),
                                                 &assertion);
        if (problem)
                return problem;
        problem = check_assertion(call, passkey, &assertion);
        if (problem)
                return problem;
        *ret = assertion;
        return NULL;
}

/* The extra members are the arguments of signalUnknownCredential(). */
static Reply *not_found(const char *credential_id, const json_t *session)
{
        Reply *reply =
                reply_error(ERROR_PASSKEY_NOT_FOUND, "There is no passkey with this credential id");

        json_object_set_new(reply->json, "credentialId", json_string(credential_id));
        json_object_set(reply->json, "rpId", json_object_get(session, "rpId"));
        return reply;
}

Reply *handle_authentication_verification(const Call *call)
{
        _cleanup_(json_decrefp) json_t *session = NULL;
        const char *problem, *id;
        Assertion assertion;
        json_t *passkey;

        /* A failed attempt uses up the session as well. */
        session = call_redeem(call, "sessionToken", TOKEN_AUTHENTICATION_SESSION);
        if (!session)
                return reply_error(ERROR_BAD_REQUEST,
                                   "The sessionToken is unknown, expired or already used");
        problem = ceremony_credential_id(json_object_get(call->json_body, "response"), &id);
        if (problem)
                return reply_error(ERROR_BAD_REQUEST, problem);
        passkey = vault_find_credential(&call->tenancy->vault, id);
        if (!passkey)
                return not_found(id, session);
        problem = authenticate(call, session, passkey, &assertion);
        if (problem)
                return reply_error(ERROR_BAD_REQUEST, problem);
        passkey_use(passkey, &assertion, sandbox_now_ms(call->sandbox));
        return principal_issue(call, passkey, assertion.user_verified, "AuthenticationSuccess");
}
