/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/bus/dispatch/dispatch.h"
#include "daemon/bus/dispatch/option.h"
#include "daemon/bus/interfaces/append.h"
#include "daemon/bus/interfaces/interfaces.h"
#include "daemon/core/mailbox.h"
#include "daemon/model/valid.h"
#include "dbus/error.h"

static int append_challenge(sd_bus_message *m, const Result *result)
{
        const Challenge *challenge = result->challenge;
        /* A new challenge always has the message fields, even if the bus cannot carry the text. */
        const char *no_message = challenge->secret ? "" : NULL;
        const BusString strings[] = {
                {"id", challenge->id},
                {"purpose", challenge->purpose},
                {"email", challenge->email},
                {"user_id", challenge->user_id},
                {"metadata", challenge->metadata},
                {"secret", challenge->secret},
                {"code", challenge->code},
                {"message_html", challenge->message_html ?: no_message},
                {"message_text", challenge->message_text ?: no_message},
        };
        int r;

        r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r >= 0)
                r = bus_append_strings(m, strings, ARRAY_SIZE(strings));
        if (r >= 0)
                r = bus_append_uint64(m, "created_at", challenge->created_at_ms);
        if (r >= 0)
                r = bus_append_uint64(m, "expires_at", challenge->expires_at_ms);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static void on_created(const Result *result, void *userdata)
{
        Request *request = userdata;

        if (result->r == 0) {
                request->subject.challenge_id = result->challenge->id;
                request_record(request, EVENT_CHALLENGE_CREATED, NULL);
        }
        request_end(request, result, append_challenge);
}

static int read_create_options(Request *request, ChallengeRequest *challenge)
{
        const Option options[] = {
                {"name", "s", &challenge->name, username_is_valid},
                {"user_id", "s", &challenge->user_id, user_id_is_valid},
                {"metadata", "s", &challenge->metadata, metadata_is_valid},
                {"invalidate_others", "b", &challenge->invalidate_others, NULL},
                {"skip_rate_limit", "b", &challenge->skip_rate_limit, NULL},
                {"send_email", "b", &challenge->send_email, NULL},
        };

        return request_read_options(request, options, ARRAY_SIZE(options));
}

static int run_create_challenge(Request *request, sd_bus_message *m)
{
        ChallengeRequest challenge = {.send_email = true};
        int r;

        r = sd_bus_message_read(m, "ss", &challenge.email, &challenge.purpose);
        if (r < 0)
                return r;
        if (!email_is_valid(challenge.email))
                return request_explain(request, ERROR_INVALID_ARGS,
                                       "email is not an email address");
        if (!purpose_is_valid(challenge.purpose))
                return request_explain(request, ERROR_INVALID_ARGS,
                                       "purpose must be 1 to %u of A-Z, a-z, 0-9 and ._:-",
                                       PURPOSE_LEN_MAX);
        r = read_create_options(request, &challenge);
        if (r != 0)
                return r;
        r = mailbox_create(request->tenancy, &challenge, on_created, request);
        if (r == ERROR_INVALID_ARGS)
                return request_explain(request, r, "metadata is not a JSON object");
        return r;
}

static int run_get_challenge(Request *request, sd_bus_message *m _unused_)
{
        const char *id;
        int r;

        r = request_read_id(request, "challenge_id", &id);
        return r != 0 ? r : mailbox_get(request->tenancy, id, request_on_result, request);
}

static int run_verify_challenge(Request *request, sd_bus_message *m _unused_)
{
        const char *id, *secret, *code;
        int r;

        r = request_read_id(request, "challenge_id", &id);
        if (r == 0)
                r = request_read_text(request, "secret", secret_is_valid, CHALLENGE_SECRET_LEN_MAX,
                                      &secret);
        if (r == 0)
                r = request_read_text(request, "code", challenge_code_is_valid,
                                      CHALLENGE_CODE_LEN_MAX, &code);
        if (r == 0)
                r = mailbox_verify(request->tenancy, id, secret, code, request_on_result, request);
        return r;
}

static int run_delete_challenge(Request *request, sd_bus_message *m _unused_)
{
        const char *id;
        int r;

        r = request_read_id(request, "challenge_id", &id);
        return r != 0 ? r : mailbox_delete(request->tenancy, id, request_on_result, request);
}

DISPATCH_METHOD(create_challenge, .rights = RIGHT_MAILBOX);
DISPATCH_METHOD(get_challenge, .rights = RIGHT_MAILBOX, .append = append_challenge);
DISPATCH_METHOD(verify_challenge, .rights = RIGHT_MAILBOX, .append = append_challenge,
                .has_event = true, .event = EVENT_CHALLENGE_USED);
DISPATCH_METHOD(delete_challenge, .rights = RIGHT_MAILBOX, .has_event = true,
                .event = EVENT_CHALLENGE_DELETED);

const NamedMethod mailbox_methods[] = {
        {"CreateChallenge", &call_create_challenge},
        {"GetChallenge", &call_get_challenge},
        {"VerifyChallenge", &call_verify_challenge},
        {"DeleteChallenge", &call_delete_challenge},
        {},
};

const sd_bus_vtable mailbox_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("CreateChallenge",
                                SD_BUS_ARGS("s", email, "s", purpose, "a{sv}", options),
                                SD_BUS_RESULT("a{sv}", challenge), method_create_challenge,
                                SD_BUS_VTABLE_UNPRIVILEGED | SD_BUS_VTABLE_SENSITIVE),
        SD_BUS_METHOD_WITH_ARGS("GetChallenge", SD_BUS_ARGS("s", challenge_id),
                                SD_BUS_RESULT("a{sv}", challenge), method_get_challenge,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("VerifyChallenge",
                                SD_BUS_ARGS("s", challenge_id, "s", secret, "s", code),
                                SD_BUS_RESULT("a{sv}", challenge), method_verify_challenge,
                                SD_BUS_VTABLE_UNPRIVILEGED | SD_BUS_VTABLE_SENSITIVE),
        SD_BUS_METHOD_WITH_ARGS("DeleteChallenge", SD_BUS_ARGS("s", challenge_id), SD_BUS_NO_RESULT,
                                method_delete_challenge, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};
