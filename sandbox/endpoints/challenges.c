/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The backend has somebody prove that they read the mail of an address. */

#include <stdio.h>

#include "sandbox/endpoints/form.h"
#include "sandbox/endpoints/handlers.h"
#include "sandbox/tenancy/outbox.h"

enum { METADATA_MAX = 4096 };

typedef struct CreateForm {
        ChallengeRequest request;
        const char *name; /* of the recipient, for the mail alone; or NULL */
        bool invalidate_others;
        bool skip_rate_limit;
        bool send;
} CreateForm;

static CreateForm read_create(Form *form)
{
        return (CreateForm){
                .request = {.email = form_email(form, "email"),
                            .purpose = form_purpose(form, "purpose"),
                            .user_id = form_optional_id(form, "userId", FORM_TEXT_MAX),
                            .metadata = form_object(form, "metadata", METADATA_MAX)},
                .name = form_optional_line(form, "name", FORM_TEXT_MAX),
                .invalidate_others = form_boolean(form, "invalidateOthers", false),
                .skip_rate_limit = form_boolean(form, "skipRateLimit", false),
                .send = form_boolean(form, "sendEmail", true),
        };
}

/* Returns 0, or the milliseconds to wait for. */
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
                                   "Too many codes were asked for; try again later");

        reply->retry_after_s = (unsigned) ((wait_ms + 999) / 1000);
        json_object_set_new(reply->json, "retryAfterSeconds", json_integer(reply->retry_after_s));
        return reply;
}

static json_t *render(const char *code)
{
        _cleanup_(freep) char *html = NULL, *text = NULL;
        int minutes = CHALLENGE_LIFETIME_MS / 60000;

        if (asprintf(&html, "<p>Your code: <b>%s</b></p>\n<p>It is good for %d minutes.</p>\n",
                     code, minutes) < 0 ||
            asprintf(&text, "Your code: %s\n\nIt is good for %d minutes.\n", code, minutes) < 0)
                abort();
        return must(json_pack("{s:s, s:s}", "html", html, "text", text));
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
        outbox_deliver(call->sandbox->outbox, mail);
}

static Reply *create(const Call *call, const CreateForm *form)
{
        _cleanup_(new_challenge_done) NewChallenge new = {};
        _cleanup_(json_decrefp) json_t *message = NULL;
        json_t *created;

        if (form->invalidate_others)
                mailbox_void(&call->tenancy->mailbox, &form->request);
        mailbox_create(&call->tenancy->mailbox, &form->request, sandbox_now_ms(call->sandbox),
                       &new);
        call_touch(call);
        message = render(new.code);
        if (form->send)
                send_mail(call, form->name, &new, message);
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
        Form form = {call->request};
        CreateForm wanted = read_create(&form);
        int64_t wait_ms;

        if (*form.problem)
                return reply_error(ERROR_BAD_REQUEST, form.problem);
        wait_ms = wanted.skip_rate_limit ? 0 : count(call, &wanted.request);
        if (wait_ms > 0)
                return rate_limited(wait_ms);
        return create(call, &wanted);
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
        [ERROR_INVALID_CHALLENGE_CODE] = "The code is wrong",
        [ERROR_CHALLENGE_EXPIRED] = "The challenge has expired",
        [ERROR_CHALLENGE_ATTEMPTS_EXCEEDED] = "The code has been wrong too often",
};

Reply *handle_challenge_verify(const Call *call)
{
        Form form = {call->request};
        const char *id = form_text(&form, "challengeId", FORM_TEXT_MAX);
        const char *secret = form_text(&form, "secret", FORM_TEXT_MAX);
        const char *code = form_text(&form, "code", FORM_TEXT_MAX);
        json_t *challenge;
        ErrorTag tag;

        /* The list of errors that clients understand here has no BadRequest. */
        if (*form.problem)
                return reply_error(ERROR_INVALID_CHALLENGE, form.problem);
        tag = mailbox_verify(&call->tenancy->mailbox, id, secret, code,
                             sandbox_now_ms(call->sandbox), &challenge);
        call_touch(call);
        if (tag != ERROR_NONE)
                return reply_error(tag, verify_problems[tag]);
        return reply_json(
                200, json_pack("{s:s, s:o}", "_tag", "ChallengeVerified", "challenge", challenge));
}

/* Gone is gone: there is no error for an unknown one. */
Reply *handle_challenge_delete(const Call *call)
{
        mailbox_delete(&call->tenancy->mailbox, call->argument);
        call_touch(call);
        return reply_json(202, json_pack("{s:s}", "_tag", "ChallengeDeleted"));
}
