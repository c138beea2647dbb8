/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Registration ceremony: creation options, then verification of the new credential. */

#include "sandbox/endpoints/handlers.h"
#include "sandbox/endpoints/principal.h"
#include "sandbox/endpoints/request-body.h"
#include "sandbox/endpoints/session.h"
#include "sandbox/webauthn/public-key.h"

static json_t *offered_algorithms(void)
{
        json_t *params = must(json_array());

        for (size_t i = 0; i < ARRAY_SIZE(cose_algorithms); i++)
                json_array_append_new(params, json_pack("{s:s, s:i}", "type", "public-key", "alg",
                                                        cose_algorithms[i]));
        return params;
}

/* Maps passkey ids to credential descriptors; unknown ids are ignored. */
static json_t *excluded_credentials(const Vault *vault, const json_t *passkey_ids)
{
        json_t *excluded = must(json_array()), *id;
        size_t i;

        json_array_foreach(passkey_ids, i, id) {
                const json_t *passkey = vault_find(vault, json_string_value(id));

                if (passkey)
                        json_array_append_new(excluded, passkey_descriptor(passkey));
        }
        return excluded;
}

static json_t *creation_options(const Call *call, const json_t *registration, const json_t *session)
{
        json_t *exclude = json_object_get(registration, "excludeCredentials");

        return must(json_pack(
                "{s:{s:O, s:O}, s:{s:O, s:O, s:O}, s:O, s:o, s:O, s:o, s:{s:s, s:b, s:O}, s:s, "
                "s:{s:b}}",
                "rp", "name", json_object_get(registration, "rpName"), "id",
                json_object_get(registration, "rpId"), "user", "id",
                json_object_get(session, "userHandle"), "name",
                json_object_get(registration, "username"), "displayName",
                json_object_get(registration, "displayName"), "challenge",
                json_object_get(session, "challenge"), "pubKeyCredParams", offered_algorithms(),
                "timeout", json_object_get(registration, "timeout"), "excludeCredentials",
                excluded_credentials(&call->tenancy->vault, exclude), "authenticatorSelection",
                "residentKey", "required", "requireResidentKey", 1, "userVerification",
                json_object_get(registration, "userVerification"), "attestation", "none",
                "extensions", "credProps", 1));
}

static json_t *open_session(const Call *call, const json_t *registration)
{
        _cleanup_(freep) char *handle = NULL;
        json_t *session = session_new(call, registration);

        handle = sandbox_user_handle(call->sandbox, call->tenancy, json_text(registration, "rpId"),
                                     json_text(registration, "userId"));
        json_object_set(session, "userId", json_object_get(registration, "userId"));
        json_object_set(session, "username", json_object_get(registration, "username"));
        json_object_set_new(session, "userHandle", json_string(handle));
        return session;
}

Reply *handle_registration_options(const Call *call)
{
        _cleanup_(json_decrefp) json_t *registration = NULL, *session = NULL;
        _cleanup_(freep) char *token = NULL;
        const char *problem;

        problem = session_check_origin(call);
        if (problem)
                return reply_error(ERROR_BAD_REQUEST, problem);
        registration = call_redeem(call, "registrationToken", TOKEN_REGISTRATION);
        if (!registration)
                return reply_error(ERROR_BAD_REQUEST,
                                   "The registrationToken is unknown, expired or already used");
        session = open_session(call, registration);
        token = session_issue(call, TOKEN_REGISTRATION_SESSION, session, registration,
                              SESSION_LIFETIME_MS);
        return reply_json(200, json_pack("{s:s, s:o}", "sessionToken", token, "optionsJSON",
                                         creation_options(call, registration, session)));
}

/* Returns NULL and the new passkey, lent by the vault; or a static error message. */
static const char *register_passkey(const Call *call, const json_t *session,
                                    const json_t **ret_passkey, bool *ret_user_verified)
{
        _cleanup_(credential_freep) Credential *credential = NULL;
        Ceremony ceremony = session_ceremony(session);
        PasskeyOwner owner = {
                .rp_id = ceremony.rp_id,
                .user_id = json_text(session, "userId"),
                .username = json_text(session, "username"),
                .user_handle = json_text(session, "userHandle"),
        };
        const char *problem;

        problem = ceremony_verify_registration(
                &ceremony, json_object_get(call->json_body, "response"), &credential);
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

        /* A failed attempt uses up the session as well. */
        session = call_redeem(call, "sessionToken", TOKEN_REGISTRATION_SESSION);
        if (!session)
                return reply_error(ERROR_BAD_REQUEST,
                                   "The sessionToken is unknown, expired or already used");
        problem = register_passkey(call, session, &passkey, &user_verified);
        if (problem)
                return reply_error(ERROR_BAD_REQUEST, problem);
        return principal_issue(call, passkey, user_verified, "RegistrationSuccess");
}
