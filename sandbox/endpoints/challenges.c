/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Email verification challenges. */

#include <stdio.h>

#include "sandbox/endpoints/handlers.h"
#include "sandbox/endpoints/request-body.h"

enum {
        METADATA_MAX = 4096,
        OUTBOX_MAX = 1000,
};

typedef struct CreateParameters {
        ChallengeRequest request;
        const char *name; /* name of the recipient, or NULL */
        bool invalidate_others;
        bool skip_rate_limit;
        bool send;
} CreateParameters;

static CreateParameters read_create(RequestBody *body)
{
        return (CreateParameters){
                .request = {.email = request_body_email(body, "email"),
                            .purpose = request_body_purpose(body, "purpose"),
                            .user_id =
                                    request_body_optional_id(body, "userId", REQUEST_BODY_TEXT_MAX),
                            .metadata = request_body_object(body, "metadata", METADATA_MAX)},
                .name = request_body_optional_line(body, "name", REQUEST_BODY_TEXT_MAX),
                .invalidate_others = request_body_boolean(body, "invalidateOthers", false),
                .skip_rate_limit = request_body_boolean(body, "skipRateLimit", false),
                .send = request_body_boolean(body, "sendEmail", true),
        };
}

/* Applies the rate limit. Returns 0, or the milliseconds to wait. */
static int64_t count(const Call *call, const ChallengeRequest *request)
{
        _cleanup_(freep) char *subject = NULL;

        if (asprintf(&subject, "%s %s %s", request->purpose, request->user_id ? "user" : "mail",
                     request->user_id ? request->user_id : request->email) < 0)
                abort();
        return rate_limit_take(&call->tenancy->challenge_rate, &call->sandbox->challenge_rate,
                               subject, sandbox_now_ms(call->sandbox));
}

static Reply *rate_limited(int64_t wait_ms)
{
        Reply *reply = reply_error(ERROR_CHALLENGE_RATE_LIMITED,
                                   "Rate limit exceeded; retry after the time in Retry-After");

        reply->retry_after_s = (unsigned) ((wait_ms + 999) / 1000);
        json_object_set_new(reply->json, "retryAfterSeconds", json_integer(reply->retry_after_s));
        return reply;
}

static json_t *render(const char *code)
{
        int minutes = CHALLENGE_LIFETIME_MS / 60000;

        return must(json_pack(
                "{s:o, s:o}", "html",
                json_sprintf("<p>Your code: <b>%s</b></p>\n<p>It expires in %d minutes.</p>\n",
                             code, minutes),
                "text",
                json_sprintf("Your code: %s\n\nIt expires in %d minutes.\n", code, minutes)));
}

/* The outbox keeps mail for tests to read; the oldest is dropped. */
static void deliver(json_t *outbox, json_t *mail)
{
        if (json_array_size(outbox) >= OUTBOX_MAX)
                json_array_remove(outbox, 0);
        if (json_array_append_new(outbox, mail) < 0)
                abort();
}

static void send_mail(const Call *call, const char *name, const NewChallenge *new,
                      const json_t *message)
{
        json_t *mail;

        mail = must(json_pack(
                "{s:s, s:O, s:O, s:O, s:s, s:O, s:O, s:O}", "tenancyId", call->tenancy->id,
                "challengeId", json_object_get(new->challenge, "challengeId"), "purpose",
                json_object_get(new->challenge, "purpose"), "email",
                json_object_get(new->challenge, "email"), "code", new->code, "text",
                json_object_get(message, "text"), "html", json_object_get(message, "html"),
                "createdAt", json_object_get(new->challenge, "createdAt")));
        if (name)
                json_object_set_new(mail, "name", json_string(name));
        deliver(call->sandbox->outbox, mail);
}

static Reply *create(const Call *call, const CreateParameters *parameters)
{
        _cleanup_(new_challenge_done) NewChallenge new = {};
        _cleanup_(json_decrefp) json_t *message = NULL;
        json_t *created;

        if (parameters->invalidate_others)
                mailbox_void(&call->tenancy->mailbox, &parameters->request);
        mailbox_create(&call->tenancy->mailbox, &parameters->request, sandbox_now_ms(call->sandbox),
                       &new);
        call_touch(call);
        message = render(new.code);
        if (parameters->send)
                send_mail(call, parameters->name, &new, message);
        created = must(json_copy(new.challenge));
        json_object_del(created, "_tag");
        json_object_set_new(created, "secret", json_string(new.secret));
        json_object_set_new(created, "code", json_string(new.code));
        json_object_set(created, "message", message);
        return reply_json(
                201, json_pack("{s:s, s:o}", "_tag", "ChallengeCreated", "challenge", created));
}

Reply *handle_challenge_create(const Call *call)
{
        RequestBody body = {call->json_body};
        CreateParameters parameters = read_create(&body);
        int64_t wait_ms;

        if (*body.problem)
                return reply_error(ERROR_BAD_REQUEST, body.problem);
        wait_ms = parameters.skip_rate_limit ? 0 : count(call, &parameters.request);
        if (wait_ms > 0)
                return rate_limited(wait_ms);
        return create(call, &parameters);
}

Reply *handle_challenge_get(const Call *call)
{
        json_t *challenge = mailbox_find(&call->tenancy->mailbox, call->argument,
                                         sandbox_now_ms(call->sandbox));

        if (!challenge)
                return reply_error(ERROR_NOT_FOUND, "There is no pending challenge with this id");
        return reply_json(200, json_incref(challenge));
}

static const char *const verify_problems[_ERROR_TAG_MAX] = {
        [ERROR_INVALID_CHALLENGE] = "There is no pending challenge with this id and secret",
        [ERROR_INVALID_CHALLENGE_CODE] = "Wrong code",
        [ERROR_CHALLENGE_EXPIRED] = "Challenge expired",
        [ERROR_CHALLENGE_ATTEMPTS_EXCEEDED] = "Too many wrong codes",
};

Reply *handle_challenge_verify(const Call *call)
{
        RequestBody body = {call->json_body};
        const char *id = request_body_text(&body, "challengeId", REQUEST_BODY_TEXT_MAX);
        const char *secret = request_body_text(&body, "secret", REQUEST_BODY_TEXT_MAX);
        const char *code = request_body_text(&body, "code", REQUEST_BODY_TEXT_MAX);
        json_t *challenge;
        ErrorTag tag;

        /* Clients do not know BadRequest for this endpoint. */
        if (*body.problem)
                return reply_error(ERROR_INVALID_CHALLENGE, body.problem);
        tag = mailbox_verify(&call->tenancy->mailbox, id, secret, code,
                             sandbox_now_ms(call->sandbox), &challenge);
        call_touch(call);
        if (tag != ERROR_NONE)
                return reply_error(tag, verify_problems[tag]);
        return reply_json(
                200, json_pack("{s:s, s:o}", "_tag", "ChallengeVerified", "challenge", challenge));
}

/* Idempotent: an unknown id is no error. */
Reply *handle_challenge_delete(const Call *call)
{
        mailbox_delete(&call->tenancy->mailbox, call->argument);
        call_touch(call);
        return reply_json(202, json_pack("{s:s}", "_tag", "ChallengeDeleted"));
}
