/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/strv.h"
#include "daemon/bus/dispatch/dispatch.h"
#include "daemon/bus/dispatch/option.h"
#include "daemon/bus/interfaces/append.h"
#include "daemon/bus/interfaces/interfaces.h"
#include "daemon/core/vault.h"
#include "daemon/model/valid.h"
#include "dbus/error.h"

/* Passkeys */

static int append_summary(sd_bus_message *m, const Passkey *passkey)
{
        const BusString ids[] = {{"id", passkey->id}, {"user_id", passkey->user_id}};
        const BusString credential[] = {{"credential_id", passkey->credential_id},
                                        {"credential_user_id", passkey->credential_user_id}};
        int r;

        r = bus_append_strings(m, ids, ARRAY_SIZE(ids));
        if (r >= 0)
                r = bus_append_bool(m, "enabled", passkey->enabled);
        if (r >= 0)
                r = bus_append_uint64(m, "created_at", passkey->created_at_ms);
        if (r >= 0)
                r = bus_append_uint64(m, "last_used_at", passkey->last_used_at_ms);
        return r < 0 ? r : bus_append_strings(m, credential, ARRAY_SIZE(credential));
}

static int append_details(sd_bus_message *m, const Passkey *passkey)
{
        const BusString strings[] = {
                {"username", passkey->username ?: ""},
                {"aaguid", passkey->aaguid},
                {"device_type", passkey->device_type},
                {"public_key", passkey->public_key},
                {"rp_id", passkey->rp_id},
                {"platform_name", passkey->platform_name},
                {"platform_icon", passkey->platform_icon},
        };
        int r;

        r = bus_append_strings(m, strings, ARRAY_SIZE(strings));
        if (r >= 0)
                r = bus_append_bool(m, "backed_up", passkey->backed_up);
        if (r >= 0)
                r = bus_append_uint64(m, "counter", passkey->counter);
        if (r >= 0)
                r = bus_append_uint64(m, "updated_at", passkey->updated_at_ms);
        return r < 0 ? r : bus_append_strv(m, "transports", passkey->transports);
}

static int append_passkey(sd_bus_message *m, const Passkey *passkey, bool details)
{
        int r;

        r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r >= 0)
                r = append_summary(m, passkey);
        if (r >= 0 && details)
                r = append_details(m, passkey);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_whole_passkey(sd_bus_message *m, const Result *result)
{
        return append_passkey(m, result->passkey, true);
}

static int run_get_passkey(Request *request, sd_bus_message *m _unused_)
{
        const char *id;
        int r;

        r = request_read_id(request, "passkey_id", &id);
        return r != 0 ? r
                      : vault_get(request->tenancy, id, request_on_result, request, &request->call);
}

static int append_page(sd_bus_message *m, const Result *result)
{
        const PasskeyList *passkeys = result->passkeys;
        int r;

        r = sd_bus_message_open_container(m, 'a', "a{sv}");
        for (size_t i = 0; r >= 0 && i < passkeys->n_passkeys; i++)
                r = append_passkey(m, passkeys->passkeys[i], false);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : sd_bus_message_append(m, "s", result->next_cursor ?: "");
}

static int run_list_passkeys(Request *request, sd_bus_message *m)
{
        const char *cursor;
        int r;

        r = sd_bus_message_read(m, "s", &cursor);
        if (r < 0)
                return r;
        if (*cursor && !text_is_valid(cursor, VAULT_CURSOR_LEN_MAX))
                return request_explain(request, ERROR_INVALID_ARGS,
                                       "cursor is invalid: pass the next_cursor of ListPasskeys");
        return vault_list(request->tenancy, cursor, request_on_result, request, &request->call);
}

/* Management: a token for the page, and warnings */

static int append_management(sd_bus_message *m, const Result *result)
{
        const Management *management = result->management;
        int r;

        r = sd_bus_message_append(m, "st", management->token, management->expires_at_ms);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "(sss)");
        for (size_t i = 0; r >= 0 && i < management->n_warnings; i++) {
                const Warning *w = &management->warnings[i];

                r = sd_bus_message_append(m, "(sss)", w->code, w->message, w->passkey_id ?: "");
        }
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int run_update_passkeys(Request *request, sd_bus_message *m _unused_)
{
        const char *user_id, *username, *display_name = NULL;
        const Option options[] = {{"display_name", "s", &display_name, username_is_valid}};
        int r;

        r = request_read_user_id(request, &user_id);
        if (r == 0)
                r = request_read_text(request, "username", username_is_valid, USERNAME_LEN_MAX,
                                      &username);
        if (r == 0)
                r = request_read_options(request, options, ARRAY_SIZE(options));
        if (r == 0)
                r = vault_update(request->tenancy, user_id, username, display_name,
                                 request_on_result, request);
        return r;
}

/* Returns 0, a negative errno or INVALID_ARGS. */
static int read_passkey_ids(sd_bus_message *m, char ***ret)
{
        _cleanup_(strv_freep) char **ids = NULL;
        const char *id;
        size_t n = 0;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "s");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read(m, "s", &id)) > 0) {
                if (++n > PASSKEYS_DELETE_MAX || !id_is_valid(id))
                        return ERROR_INVALID_ARGS;
                if (!strv_contains(ids, id) && strv_push(&ids, id) < 0)
                        return -ENOMEM;
        }
        if (r < 0)
                return r;
        if (!ids)
                return ERROR_INVALID_ARGS;
        r = sd_bus_message_exit_container(m);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(ids);
        return 0;
}

/* Leaves an audit record for each passkey id in the message. */
static void record_deleted(Request *request)
{
        _cleanup_(strv_freep) char **ids = NULL;

        if (sd_bus_message_rewind(request->message, true) >= 0)
                (void) read_passkey_ids(request->message, &ids);
        for (char **id = ids; id && *id; id++) {
                request->subject.authenticator_id = *id;
                request_record(request, EVENT_PASSKEYS_DELETED, NULL);
        }
        request->subject.authenticator_id = NULL;
}

static void on_deleted(const Result *result, void *userdata)
{
        if (result->r == 0)
                record_deleted(userdata);
        request_end(userdata, result, append_management);
}

static int run_delete_passkeys(Request *request, sd_bus_message *m)
{
        _cleanup_(strv_freep) char **ids = NULL;
        int r;

        r = read_passkey_ids(m, &ids);
        if (r == ERROR_INVALID_ARGS)
                return request_explain(request, r,
                                       "passkey_ids must be 1 to %u strings of 1 to %u bytes",
                                       PASSKEYS_DELETE_MAX, PASSKEY_ID_LEN_MAX);
        if (r == 0)
                r = request_read_options(request, NULL, 0);
        return r != 0 ? r
                      : vault_delete(request->tenancy, ids, NULL, &request->origin, on_deleted,
                                     request);
}

/* Reads a user id, and the options, which must be empty. */
static int read_user(Request *request, const char **ret)
{
        int r;

        r = request_read_user_id(request, ret);
        return r != 0 ? r : request_read_options(request, NULL, 0);
}

static int run_delete_user_passkeys(Request *request, sd_bus_message *m _unused_)
{
        const char *user_id;
        int r;

        r = read_user(request, &user_id);
        return r != 0 ? r
                      : vault_delete(request->tenancy, NULL, user_id, &request->origin,
                                     request_on_result, request);
}

static int run_prune_passkeys(Request *request, sd_bus_message *m _unused_)
{
        const char *user_id;
        int r;

        r = read_user(request, &user_id);
        return r != 0 ? r
                      : vault_prune(request->tenancy, user_id, request_on_result, request,
                                    &request->call);
}

DISPATCH_QUESTION(get_passkey, "read-vault", "read passkey \"$(passkey_id)\"", "passkey_id");
DISPATCH_METHOD(get_passkey, .rights = RIGHT_VAULT_READ, .question = &question_get_passkey,
                .append = append_whole_passkey);

DISPATCH_QUESTION(list_passkeys, "read-vault", "list the passkeys in the vault", NULL);
DISPATCH_METHOD(list_passkeys, .rights = RIGHT_VAULT_READ, .question = &question_list_passkeys,
                .append = append_page);

DISPATCH_QUESTION(delete_passkeys, "change-vault",
                  "delete the passkeys \"$(passkey_ids)\" from the vault, and their links",
                  "passkey_ids");
DISPATCH_METHOD(delete_passkeys, .rights = RIGHT_VAULT_WRITE,
                .question = &question_delete_passkeys);

DISPATCH_QUESTION(delete_user_passkeys, "change-vault",
                  "delete all passkeys of user \"$(user_id)\" from the vault, and their links",
                  "user_id");
DISPATCH_METHOD(delete_user_passkeys, .rights = RIGHT_VAULT_WRITE,
                .question = &question_delete_user_passkeys, .append = append_management,
                .has_event = true, .event = EVENT_PASSKEYS_DELETED);

DISPATCH_QUESTION(prune_passkeys, "change-vault",
                  "remove deleted passkeys from the browser of user \"$(user_id)\"", "user_id");
DISPATCH_METHOD(prune_passkeys, .rights = RIGHT_VAULT_WRITE, .question = &question_prune_passkeys,
                .append = append_management, .has_event = true, .event = EVENT_PRUNE_AUTHORIZED);

/* Quotes the display name, too: browsers show it instead of the username. */
static const Question question_update_passkeys = {
        .action = QUESTION_ACTION("change-vault"),
        .intent = "rename the passkeys of user \"$(user_id)\" to \"$(username)\"",
        .arguments = {"user_id", "username"},
        .option = "display_name",
        .option_intent = ", shown as \"$(display_name)\"",
};
DISPATCH_METHOD(update_passkeys, .rights = RIGHT_VAULT_WRITE, .question = &question_update_passkeys,
                .append = append_management, .has_event = true, .event = EVENT_PASSKEYS_UPDATED);

#define MANAGEMENT_RESULT SD_BUS_RESULT("s", token, "t", expires_at, "a(sss)", warnings)
#define SENSITIVE         (SD_BUS_VTABLE_UNPRIVILEGED | SD_BUS_VTABLE_SENSITIVE)

const NamedMethod vault_methods[] = {
        {"GetPasskey", &call_get_passkey},
        {"ListPasskeys", &call_list_passkeys},
        {"UpdatePasskeys", &call_update_passkeys},
        {"DeletePasskeys", &call_delete_passkeys},
        {"DeleteUserPasskeys", &call_delete_user_passkeys},
        {"PrunePasskeys", &call_prune_passkeys},
        {},
};

const sd_bus_vtable vault_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("GetPasskey", SD_BUS_ARGS("s", passkey_id),
                                SD_BUS_RESULT("a{sv}", passkey), method_get_passkey,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListPasskeys", SD_BUS_ARGS("s", cursor),
                                SD_BUS_RESULT("aa{sv}", passkeys, "s", next_cursor),
                                method_list_passkeys, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("UpdatePasskeys",
                                SD_BUS_ARGS("s", user_id, "s", username, "a{sv}", options),
                                MANAGEMENT_RESULT, method_update_passkeys, SENSITIVE),
        SD_BUS_METHOD_WITH_ARGS("DeletePasskeys", SD_BUS_ARGS("as", passkey_ids, "a{sv}", options),
                                MANAGEMENT_RESULT, method_delete_passkeys, SENSITIVE),
        SD_BUS_METHOD_WITH_ARGS("DeleteUserPasskeys", SD_BUS_ARGS("s", user_id, "a{sv}", options),
                                MANAGEMENT_RESULT, method_delete_user_passkeys, SENSITIVE),
        SD_BUS_METHOD_WITH_ARGS("PrunePasskeys", SD_BUS_ARGS("s", user_id, "a{sv}", options),
                                MANAGEMENT_RESULT, method_prune_passkeys, SENSITIVE),
        SD_BUS_VTABLE_END,
};
