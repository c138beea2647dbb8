/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sandbox/endpoints/request-body.h"
#include "sandbox/endpoints/session.h"
#include "sandbox/tenancy/random.h"

enum {
        CHALLENGE_LEN = 32,
        GRACE_MS = 60 * 1000, /* added to the timeout of the ceremony */
};

/* The ceremony is bound to this origin; pages cannot set the header. */
const char *session_check_origin(const Call *call)
{
        _cleanup_(json_decrefp) json_t *text = call->origin ? json_string(call->origin) : NULL;
        size_t len = json_string_length(text);

        if (len < 1 || len > REQUEST_BODY_TEXT_MAX || streq(call->origin, "null"))
                return "Missing Origin header: call this endpoint from a web page";
        return NULL;
}

json_t *session_new(const Call *call, const json_t *authorized)
{
        _cleanup_(freep) char *challenge = random_text("", CHALLENGE_LEN);

        return must(json_pack("{s:s, s:s, s:O, s:O}", "challenge", challenge, "origin",
                              call->origin, "rpId", json_object_get(authorized, "rpId"),
                              "userVerification", json_object_get(authorized, "userVerification")));
}

char *session_issue(const Call *call, TokenKind kind, json_t *session, const json_t *authorized,
                    int64_t lifetime_ms)
{
        int64_t timeout_ms = json_integer_value(json_object_get(authorized, "timeout"));
        int64_t expires_at_ms;

        if (lifetime_ms < timeout_ms + GRACE_MS)
                lifetime_ms = timeout_ms + GRACE_MS;
        return call_issue(call, kind, lifetime_ms, json_incref(session), &expires_at_ms);
}

Ceremony session_ceremony(const json_t *session)
{
        return (Ceremony){
                .challenge = json_text(session, "challenge"),
                .origin = json_text(session, "origin"),
                .rp_id = json_text(session, "rpId"),
                .user_verification_required =
                        streq(json_text(session, "userVerification"), "required"),
        };
}
