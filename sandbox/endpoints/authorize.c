/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The backend declares which ceremony a page may run, and gets a token for it. */

#include "sandbox/endpoints/form.h"
#include "sandbox/endpoints/handlers.h"

enum {
        TIMEOUT_MAX_MS = 60 * 60 * 1000,
        TIMEOUT_DEFAULT_MS = 60 * 1000,
};

static const char *const user_verifications[] = {"preferred", "required", "discouraged", NULL};
static const char *const mediations[] = {"required", "conditional", NULL};

/* Returns what the page's calls need to know, owned, or NULL with the form's problem. */
static json_t *read_registration(Form *form)
{
        _cleanup_(freep) char *rp_id = form_domain(form, "rpId");
        _cleanup_(freep) char *rp_name = form_trimmed(form, "rpName", FORM_TEXT_MAX);
        const char *user_id = form_text(form, "userId", FORM_TEXT_MAX);
        const char *username = form_text(form, "username", FORM_TEXT_MAX);
        const char *display_name = form_optional_text(form, "displayName", FORM_TEXT_MAX);
        _cleanup_(json_decrefp) json_t *exclude = form_texts(form, "excludeCredentials");
        const char *verification = form_choice(form, "userVerification", user_verifications);
        int64_t timeout_ms = form_number(form, "timeout", TIMEOUT_MAX_MS, TIMEOUT_DEFAULT_MS);

        if (*form->problem)
                return NULL;
        return must(json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:s, s:I}", "rpId", rp_id, "rpName",
                              rp_name, "userId", user_id, "username", username, "displayName",
                              display_name ? display_name : username, "excludeCredentials",
                              exclude ? json_incref(exclude) : json_array(), "userVerification",
                              verification, "timeout", (json_int_t) timeout_ms));
}

/* Returns the reply with a token that stands for the ceremony, which is taken over. */
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
        Form form = {call->request};
        json_t *registration;

        registration = read_registration(&form);
        if (!registration)
                return reply_error(ERROR_BAD_REQUEST, form.problem);
        return grant(call, TOKEN_REGISTRATION, registration, "AuthorizedPasskeyRegistration",
                     "registrationToken");
}

static bool may_sign_in(const json_t *passkey, const char *rp_id, const char *user_id)
{
        PasskeyOwner owner = passkey_owner(passkey);

        return passkey_is_enabled(passkey) && streq(owner.rp_id, rp_id) &&
               (!user_id || streq(owner.user_id, user_id));
}

/* Returns the owned ids of those that may be used. Ids that are unknown are ignored. */
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

/* Returns what the page's calls need to know, owned, or NULL with the form's problem. */
static json_t *read_authentication(const Call *call, Form *form)
{
        _cleanup_(freep) char *rp_id = form_domain(form, "rpId");
        const char *user_id = form_optional_id(form, "userId", FORM_TEXT_MAX);
        _cleanup_(json_decrefp) json_t *ids = form_texts(form, "allowCredentials"), *allowed = NULL;
        bool discoverable = form_boolean(form, "discoverable", false);
        const char *mediation = form_choice(form, "mediation", mediations);
        const char *verification = form_choice(form, "userVerification", user_verifications);
        int64_t timeout_ms = form_number(form, "timeout", TIMEOUT_MAX_MS, TIMEOUT_DEFAULT_MS);
        bool scoped = user_id || json_array_size(ids) > 0;

        if (scoped && discoverable)
                form_fail(form, "discoverable does not go with userId or allowCredentials");
        if (!scoped && !discoverable)
                form_fail(form, "userId, allowCredentials or discoverable is needed");
        if (!discoverable && *form->problem == '\0' && streq(mediation, "conditional"))
                form_fail(form, "mediation can be conditional only if discoverable is true");
        if (*form->problem)
                return NULL;
        /* An empty list stands for any passkey of the relying party. */
        allowed = scoped ? allowed_passkeys(&call->tenancy->vault, rp_id, user_id, ids)
                         : must(json_array());
        if (scoped && json_array_size(allowed) == 0)
                return form_fail(form, "There is no such passkey to sign in with");
        return must(json_pack("{s:s, s:O, s:s, s:s, s:I}", "rpId", rp_id, "allowed", allowed,
                              "mediation", mediation, "userVerification", verification, "timeout",
                              (json_int_t) timeout_ms));
}

Reply *handle_authentication_authorize(const Call *call)
{
        Form form = {call->request};
        json_t *authentication;

        authentication = read_authentication(call, &form);
        if (!authentication)
                return reply_error(ERROR_BAD_REQUEST, form.problem);
        return grant(call, TOKEN_AUTHENTICATION, authentication, "AuthorizedPasskeyAuthentication",
                     "authenticationToken");
}
