/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "client/passlockctl/terminal/input.h"
#include "client/passlockctl/terminal/record.h"
#include "client/passlockctl/terminal/report.h"
#include "client/passlockctl/verbs/verbs.h"

#define SECRET_TEXT_MAX 512U

static void put_challenge(Record *record, const passlock_challenge *c)
{
        record_put_string(record, "Challenge", "id", passlock_challenge_get_id(c));
        record_put_string(record, "Purpose", "purpose", passlock_challenge_get_purpose(c));
        record_put_string(record, "Email", "email", passlock_challenge_get_email(c));
        record_put_string(record, "User", "user_id", passlock_challenge_get_user_id(c));
        record_put_string(record, "Metadata", "metadata", passlock_challenge_get_metadata(c));
        record_put_time(record, "Created", "created_at", passlock_challenge_get_created_at_ms(c));
        record_put_time(record, "Expires", "expires_at", passlock_challenge_get_expires_at_ms(c));
}

static int print_challenge(const passlock_challenge *c, bool json)
{
        _cleanup_(record_freep) Record *record = record_new();

        put_challenge(record, c);
        return record_print(record, json);
}

static int print_new_challenge(const passlock_challenge *c, bool json)
{
        _cleanup_(record_freep) Record *record = record_new();

        put_challenge(record, c);
        record_put_string(record, "Secret", "secret", passlock_challenge_get_secret(c));
        record_put_string(record, "Code", "code", passlock_challenge_get_code(c));
        record_put_string(record, NULL, "message_html", passlock_challenge_get_message_html(c));
        record_put_string(record, NULL, "message_text", passlock_challenge_get_message_text(c));
        return record_print(record, json);
}

int verb_mailbox_create(Invocation *invocation)
{
        _cleanup_(passlock_challenge_unrefp) passlock_challenge *challenge = NULL;
        char **arguments = invocation->arguments;
        int r;

        r = passlock_mailbox_create(invocation->client, arguments[0], arguments[1],
                                    invocation->options, &challenge);
        if (r == 0)
                r = print_new_challenge(challenge, invocation->json);
        return report_call(invocation->client, r);
}

int verb_mailbox_get(Invocation *invocation)
{
        _cleanup_(passlock_challenge_unrefp) passlock_challenge *challenge = NULL;
        int r;

        r = passlock_mailbox_get(invocation->client, invocation->arguments[0], &challenge);
        if (r == 0)
                r = print_challenge(challenge, invocation->json);
        return report_call(invocation->client, r);
}

int verb_mailbox_verify(Invocation *invocation)
{
        _cleanup_(passlock_challenge_unrefp) passlock_challenge *challenge = NULL;
        char secret_line[SECRET_TEXT_MAX + 2], code_line[SECRET_TEXT_MAX + 2];
        char **arguments = invocation->arguments;
        const char *secret, *code;
        int r;

        secret = input_argument(arguments[1], "secret", secret_line, sizeof(secret_line));
        if (!secret)
                return EXIT_USAGE;
        code = input_argument(arguments[2], "code", code_line, sizeof(code_line));
        if (!code)
                return EXIT_USAGE;
        r = passlock_mailbox_verify(invocation->client, arguments[0], secret, code, &challenge);
        if (r == 0)
                r = print_challenge(challenge, invocation->json);
        return report_call(invocation->client, r);
}

int verb_mailbox_delete(Invocation *invocation)
{
        return report_call(invocation->client,
                           passlock_mailbox_delete(invocation->client, invocation->arguments[0]));
}
