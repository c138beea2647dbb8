/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>

#include "client/passlockctl/passlockctl.h"
#include "client/passlockctl/printable.h"
#include "client/passlockctl/record.h"
#include "client/passlockctl/report.h"

#define CODE_LEN_MAX 512U

DEFINE_CLEANUP(passlock_token *, passlock_token_unref);
DEFINE_CLEANUP(passlock_principal *, passlock_principal_unref);

/* For people it is the token alone: a shell takes it with $(...). */
static int print_token(const passlock_token *token, bool json)
{
        _cleanup_(record_freep) Record *record = record_new();

        if (!json) {
                _cleanup_(freep) char *text = printable_new(passlock_token_get_text(token), NULL);

                if (!text)
                        return -ENOMEM;
                puts(text);
                return 0;
        }
        record_put_string(record, NULL, "registration_token", passlock_token_get_text(token));
        record_put_time(record, NULL, "expires_at", passlock_token_get_expires_at_ms(token));
        return record_print(record, true);
}

int verb_authorize(Invocation *invocation)
{
        _cleanup_(passlock_token_unrefp) passlock_token *token = NULL;
        char **arguments = invocation->arguments;
        int r;

        r = passlock_authorize(invocation->client, arguments[0], arguments[1], arguments[2],
                               invocation->options, &token);
        if (r == 0)
                r = print_token(token, invocation->json);
        return report_call(invocation->client, r);
}

static int print_principal(const passlock_principal *p, bool json)
{
        _cleanup_(record_freep) Record *record = record_new();

        record_put_string(record, "User", "user_id", passlock_principal_get_user_id(p));
        record_put_string(record, "Authenticator", "authenticator_id",
                          passlock_principal_get_authenticator_id(p));
        record_put_string(record, "Type", "authenticator_type",
                          passlock_principal_get_authenticator_type(p));
        record_put_string(record, "Platform", "platform_name",
                          passlock_principal_get_platform_name(p));
        record_put_string(record, "Address", "ip_address", passlock_principal_get_ip_address(p));
        record_put_string(record, "Agent", "user_agent", passlock_principal_get_user_agent(p));
        record_put_bool(record, "Verified", "verified", passlock_principal_is_verified(p));
        record_put_bool(record, "User verified", "user_verified",
                        passlock_principal_is_user_verified(p));
        record_put_bool(record, "Linked", "linked", passlock_principal_is_linked(p));
        record_put_bool(record, "Newly linked", "newly_linked",
                        passlock_principal_is_newly_linked(p));
        record_put_time(record, "Created", "created_at", passlock_principal_get_created_at_ms(p));
        record_put_time(record, "Expires", "expires_at", passlock_principal_get_expires_at_ms(p));
        record_put_string(record, "Id", "id", passlock_principal_get_id(p));
        return record_print(record, json);
}

/* The first line of standard input. What is too long for a code is cut, and then no code at all. */
static bool read_code(char code[static CODE_LEN_MAX + 2])
{
        if (!fgets(code, CODE_LEN_MAX + 2, stdin))
                return false;
        code[strcspn(code, "\n")] = '\0';
        return true;
}

int verb_exchange(Invocation *invocation)
{
        _cleanup_(passlock_principal_unrefp) passlock_principal *principal = NULL;
        const char *code = invocation->arguments[0];
        char line[CODE_LEN_MAX + 2];
        int r;

        if (!code || streq(code, "-")) {
                if (!read_code(line)) {
                        report("no code on standard input");
                        return EXIT_USAGE;
                }
                code = line;
        }
        r = passlock_exchange(invocation->client, code, invocation->options, &principal);
        if (r == 0)
                r = print_principal(principal, invocation->json);
        return report_call(invocation->client, r);
}
