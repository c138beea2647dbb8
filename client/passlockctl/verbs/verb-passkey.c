/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/safe-text.h"
#include "client/passlockctl/terminal/input.h"
#include "client/passlockctl/terminal/record.h"
#include "client/passlockctl/terminal/report.h"
#include "client/passlockctl/verbs/verbs.h"

#define CODE_LEN_MAX     512U
#define ID_TOKEN_LEN_MAX 8192U

/* Text output is the bare token, for $(...) in a shell. */
static int print_token(const passlock_token *token, const char *name, bool json)
{
        _cleanup_(record_freep) Record *record = NULL;

        if (!json)
                return safe_text_print_line(passlock_token_get_text(token));
        record = record_new();
        record_put_string(record, NULL, name, passlock_token_get_text(token));
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
                r = print_token(token, "registration_token", invocation->json);
        return report_call(invocation->client, r);
}

int verb_authenticate(Invocation *invocation)
{
        _cleanup_(passlock_token_unrefp) passlock_token *token = NULL;
        int r;

        r = passlock_authorize_authentication(invocation->client, invocation->arguments[0],
                                              invocation->options, &token);
        if (r == 0)
                r = print_token(token, "authentication_token", invocation->json);
        return report_call(invocation->client, r);
}

static void put_links(Record *record, const passlock_principal *p)
{
        record_put_bool(record, "Linked", "linked", passlock_principal_is_linked(p));
        record_put_bool(record, "Newly linked", "newly_linked",
                        passlock_principal_is_newly_linked(p));
}

static int print_principal(const passlock_principal *p, bool with_links, bool json)
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
        if (with_links)
                put_links(record, p);
        record_put_time(record, "Created", "created_at", passlock_principal_get_created_at_ms(p));
        record_put_time(record, "Expires", "expires_at", passlock_principal_get_expires_at_ms(p));
        record_put_string(record, "Id", "id", passlock_principal_get_id(p));
        return record_print(record, json);
}

int verb_exchange(Invocation *invocation)
{
        _cleanup_(passlock_principal_unrefp) passlock_principal *principal = NULL;
        char line[CODE_LEN_MAX + 2];
        const char *code;
        int r;

        code = input_argument(invocation->arguments[0], "code", line, sizeof(line));
        if (!code)
                return EXIT_USAGE;
        r = passlock_exchange(invocation->client, code, invocation->options, &principal);
        if (r == 0)
                r = print_principal(principal, true, invocation->json);
        return report_call(invocation->client, r);
}

int verb_verify_token(Invocation *invocation)
{
        _cleanup_(passlock_principal_unrefp) passlock_principal *principal = NULL;
        char line[ID_TOKEN_LEN_MAX + 2];
        const char *id_token;
        int r;

        id_token = input_argument(invocation->arguments[0], "id_token", line, sizeof(line));
        if (!id_token)
                return EXIT_USAGE;
        r = passlock_verify_id_token(invocation->client, id_token, invocation->options, &principal);
        if (r == 0)
                r = print_principal(principal, false, invocation->json);
        return report_call(invocation->client, r);
}
