/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>

#include "base/safe-text.h"
#include "base/strv.h"
#include "client/passlockctl/terminal/input.h"
#include "client/passlockctl/terminal/record.h"
#include "client/passlockctl/terminal/report.h"
#include "client/passlockctl/terminal/table.h"
#include "client/passlockctl/verbs/verbs.h"

/* Reading */

static void put_summary(Record *record, const passlock_passkey *p)
{
        record_put_string(record, "Passkey", "id", passlock_passkey_get_id(p));
        record_put_string(record, "User", "user_id", passlock_passkey_get_user_id(p));
        record_put_bool(record, "Enabled", "enabled", passlock_passkey_is_enabled(p));
        record_put_time(record, "Created", "created_at", passlock_passkey_get_created_at_ms(p));
        record_put_time(record, "Last used", "last_used_at",
                        passlock_passkey_get_last_used_at_ms(p));
        record_put_string(record, "Credential", "credential_id",
                          passlock_passkey_get_credential_id(p));
        record_put_string(record, "Credential user", "credential_user_id",
                          passlock_passkey_get_credential_user_id(p));
}

static void put_details(Record *record, const passlock_passkey *p)
{
        record_put_time(record, "Updated", "updated_at", passlock_passkey_get_updated_at_ms(p));
        record_put_string(record, "Name", "username", passlock_passkey_get_username(p));
        record_put_string(record, "Relying party", "rp_id", passlock_passkey_get_rp_id(p));
        record_put_string(record, "Platform", "platform_name",
                          passlock_passkey_get_platform_name(p));
        record_put_string(record, NULL, "platform_icon", passlock_passkey_get_platform_icon(p));
        record_put_string(record, "Device", "device_type", passlock_passkey_get_device_type(p));
        record_put_strings(record, "Transports", "transports", passlock_passkey_get_transports(p));
        record_put_bool(record, "Backed up", "backed_up", passlock_passkey_is_backed_up(p));
        record_put_number(record, "Counter", "counter", passlock_passkey_get_counter(p));
        record_put_string(record, "Model", "aaguid", passlock_passkey_get_aaguid(p));
        record_put_string(record, "Public key", "public_key", passlock_passkey_get_public_key(p));
}

int verb_vault_get(Invocation *invocation)
{
        _cleanup_(passlock_passkey_unrefp) passlock_passkey *passkey = NULL;
        _cleanup_(record_freep) Record *record = record_new();
        int r;

        r = passlock_vault_get(invocation->client, invocation->arguments[0], &passkey);
        if (r == 0) {
                put_summary(record, passkey);
                put_details(record, passkey);
                r = record_print(record, invocation->json);
        }
        return report_call(invocation->client, r);
}

/* Prints a list entry: a table row, or JSON without a table. */
static int print_one(const passlock_passkey *passkey, Table *table, RecordArray *array)
{
        _cleanup_(record_freep) Record *record = NULL;

        if (!table) {
                record = record_new();
                put_summary(record, passkey);
                return record_array_print(array, record);
        }
        table_add(table, passlock_passkey_get_user_id(passkey));
        table_add(table, passlock_passkey_get_id(passkey));
        table_add(table, passlock_passkey_is_enabled(passkey) ? "yes" : "no");
        table_add_time(table, passlock_passkey_get_created_at_ms(passkey));
        table_add_time(table, passlock_passkey_get_last_used_at_ms(passkey));
        return 0;
}

static int print_page(const passlock_passkey_list *page, Table *table, RecordArray *array)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < passlock_passkey_list_get_size(page); i++)
                r = print_one(passlock_passkey_list_get(page, i), table, array);
        return r == 0 && table ? table_flush(table) : r;
}

static int print_everything(passlock *client, Table *table, RecordArray *array)
{
        _cleanup_(passlock_passkey_list_unrefp) passlock_passkey_list *passkeys = NULL;
        const char *cursor = "";

        do {
                passlock_passkey_list *page = NULL;
                int r;

                r = passlock_vault_list(client, cursor, &page);
                if (r != 0)
                        return r;
                passlock_passkey_list_unref(passkeys);
                passkeys = page;
                r = print_page(passkeys, table, array);
                if (r != 0)
                        return r;
                cursor = passlock_passkey_list_get_next_cursor(passkeys);
        } while (!isempty(cursor));
        return 0;
}

int verb_vault_list(Invocation *invocation)
{
        static const char *const headers[] = {"USER",    "PASSKEY",   "ENABLED",
                                              "CREATED", "LAST USED", NULL};
        _cleanup_(table_freep) Table *table = NULL;
        RecordArray array = {};
        int r;

        if (!invocation->json) {
                table = table_new(headers, !invocation->no_legend);
                if (!table)
                        return report_call(invocation->client, -ENOMEM);
        }
        r = print_everything(invocation->client, table, &array);
        if (r == 0 && !table)
                record_array_end(&array);
        return report_call(invocation->client, r);
}

/* Changes */

static int print_json(const passlock_management *m)
{
        _cleanup_(record_freep) Record *record = record_new();

        record_put_string(record, NULL, "token", passlock_management_get_token(m));
        record_put_time(record, NULL, "expires_at", passlock_management_get_expires_at_ms(m));
        record_put_list(record, "warnings");
        for (size_t i = 0; i < passlock_management_get_n_warnings(m); i++) {
                _cleanup_(record_freep) Record *warning = record_new();

                record_put_string(warning, NULL, "code",
                                  passlock_management_get_warning_code(m, i));
                record_put_string(warning, NULL, "message",
                                  passlock_management_get_warning_message(m, i));
                record_put_string(warning, NULL, "passkey_id",
                                  passlock_management_get_warning_passkey_id(m, i));
                record_append(record, "warnings", warning);
        }
        return record_print(record, true);
}

/* Text output is the bare token; warnings go to standard error. */
static int print_management(const passlock_management *m, bool json)
{
        if (json)
                return print_json(m);
        for (size_t i = 0; i < passlock_management_get_n_warnings(m); i++) {
                const char *id = passlock_management_get_warning_passkey_id(m, i);

                report("Warning: %s%s%s", id ?: "", id ? ": " : "",
                       passlock_management_get_warning_message(m, i));
        }
        return safe_text_print_line(passlock_management_get_token(m));
}

/* Prints the result of a vault change, or reports its error. */
static int print_result(Invocation *invocation, int r, const passlock_management *management)
{
        if (r == 0)
                r = print_management(management, invocation->json);
        return report_call(invocation->client, r);
}

int verb_vault_update(Invocation *invocation)
{
        _cleanup_(passlock_management_unrefp) passlock_management *management = NULL;
        char **arguments = invocation->arguments;
        int r;

        r = passlock_vault_update(invocation->client, arguments[0], arguments[1],
                                  invocation->options, &management);
        return print_result(invocation, r, management);
}

int verb_vault_prune(Invocation *invocation)
{
        _cleanup_(passlock_management_unrefp) passlock_management *management = NULL;
        int r;

        r = passlock_vault_prune(invocation->client, invocation->arguments[0], &management);
        return print_result(invocation, r, management);
}

static bool confirm_deletion(const Invocation *invocation)
{
        _cleanup_(freep) char *user = safe_text_new(invocation->user ?: "");
        size_t n = strv_len(invocation->arguments);
        char question[2048];

        if (!user)
                return false;
        if (invocation->user)
                snprintf(question, sizeof(question),
                         "Delete all passkeys of user %s from the vault, and their links?", user);
        else
                snprintf(question, sizeof(question),
                         "Delete %zu passkey%s from the vault, and the link%s?", n,
                         n == 1 ? "" : "s", n == 1 ? "" : "s");
        return input_confirm(invocation, question);
}

int verb_vault_delete(Invocation *invocation)
{
        _cleanup_(passlock_management_unrefp) passlock_management *management = NULL;
        const char *const *ids = (const char *const *) invocation->arguments;
        int r;

        if (!ids[0] == !invocation->user) {
                report("vault delete takes either passkey ids or --user=");
                return EXIT_USAGE;
        }
        if (!confirm_deletion(invocation))
                return EXIT_OURS;
        if (invocation->user)
                r = passlock_vault_delete_user(invocation->client, invocation->user, &management);
        else
                r = passlock_vault_delete(invocation->client, ids, &management);
        return print_result(invocation, r, management);
}
