/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The backend declares which ceremony a page may run, and gets a token for it. */

#include "sandbox/form.h"
#include "sandbox/handlers.h"

enum {
        TOKEN_LIFETIME_MS = 5 * 60 * 1000,
        TIMEOUT_MAX_MS = 60 * 60 * 1000,
        TIMEOUT_DEFAULT_MS = 60 * 1000,
};

static const char *const user_verifications[] = {"preferred", "required", "discouraged", NULL};

/* Returns what the page's calls need to know, owned, or NULL with the form's problem. */
static json_t *read_registration(Form *form)
{
        _cleanup_(freep) char *rp_id = form_domain(form, "rpId");
        _cleanup_(freep) char *rp_name = form_trimmed(form, "rpName", FORM_TEXT_MAX);
        const char *user_id = form_text(form, "userId", FORM_USER_ID_MAX);
        const char *username = form_text(form, "username", FORM_TEXT_MAX);
        const char *display_name = form_optional_text(form, "displayName", FORM_TEXT_MAX);
        json_t *exclude = form_texts(form, "excludeCredentials");
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

Reply *handle_registration_authorize(const Call *call)
{
        int64_t now_ms = sandbox_now_ms(call->sandbox);
        int64_t expires_at_ms = now_ms + TOKEN_LIFETIME_MS;
        _cleanup_(freep) char *token = NULL;
        Form form = {call->request};
        json_t *registration;

        registration = read_registration(&form);
        if (!registration)
                return reply_error(ERROR_BAD_REQUEST, form.problem);
        token = token_store_issue(&call->tenancy->tokens, TOKEN_REGISTRATION, now_ms, expires_at_ms,
                                  registration);
        if (!token)
                return reply_error(ERROR_BAD_REQUEST, "Too many tokens are pending");
        call_touch(call);
        return reply_json(200, json_pack("{s:s, s:s, s:I}", "_tag", "AuthorizedPasskeyRegistration",
                                         "registrationToken", token, "expiresAt",
                                         (json_int_t) expires_at_ms));
}
