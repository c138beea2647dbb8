/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "tests/client/fake-service.h"

#define CREATED_MS UINT64_C(1700000000000)
#define USED_MS    UINT64_C(1700000500000)

static int append_summary(sd_bus_message *m, const char *id, uint64_t last_used_at)
{
        return sd_bus_message_append(
                m, "{sv}{sv}{sv}{sv}{sv}{sv}{sv}", "id", "s", id, "user_id", "s", "ada", "enabled",
                "b", last_used_at != 0, "created_at", "t", CREATED_MS, "last_used_at", "t",
                last_used_at, "credential_id", "s", "Y3JlZA", "credential_user_id", "s", "dXNlcg");
}

static int append_details(sd_bus_message *m)
{
        int r;

        r = sd_bus_message_append(m, "{sv}{sv}{sv}{sv}", "username", "s", "Ada L.", "aaguid", "s",
                                  "00000000-0000-0000-0000-000000000000", "backed_up", "b", true,
                                  "counter", "t", UINT64_C(7));
        if (r >= 0)
                r = sd_bus_message_append(m, "{sv}{sv}{sv}{sv}{sv}", "device_type", "s",
                                          "multiDevice", "transports", "as", 2, "internal",
                                          "hybrid", "public_key", "s", "cHVi", "rp_id", "s",
                                          "shop.example", "updated_at", "t", USED_MS);
        return r;
}

static int append_platform(sd_bus_message *m)
{
        return sd_bus_message_append(m, "{sv}{sv}", "platform_name", "s", "iCloud Keychain",
                                     "platform_icon", "s", "https://icons.example/1.svg");
}

/* Passkey "plain" has no platform, "incomplete" only the members of a list entry, "wrong-type" a
 * list of a wrong type. */
static int append_passkey(sd_bus_message *reply, const char *id)
{
        int r;

        r = sd_bus_message_open_container(reply, 'a', "{sv}");
        if (r >= 0)
                r = append_summary(reply, id, streq(id, "plain") ? 0 : USED_MS);
        if (r >= 0 && streq(id, "wrong-type"))
                r = sd_bus_message_append(reply, "{sv}", "transports", "s", "internal");
        else if (r >= 0 && !streq(id, "incomplete"))
                r = append_details(reply);
        if (r >= 0 && !streq(id, "plain"))
                r = append_platform(reply);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int on_get(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *id;
        int r;

        r = sd_bus_message_read(m, "s", &id);
        if (r < 0)
                return r;
        r = record_and_obey(m, id, "GetPasskey %s", id);
        if (r != 0)
                return r;
        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = append_passkey(reply, id);
        return r < 0 ? r : sd_bus_message_send(reply);
}

/* Two pages: pk-0 and pk-1, then pk-2. */
static int append_page(sd_bus_message *reply, const char *cursor)
{
        unsigned from = isempty(cursor) ? 0 : 2, to = isempty(cursor) ? 2 : 3;
        int r;

        r = sd_bus_message_open_container(reply, 'a', "a{sv}");
        for (unsigned i = from; r >= 0 && i < to; i++) {
                char id[16];

                snprintf(id, sizeof(id), "pk-%u", i);
                r = sd_bus_message_open_container(reply, 'a', "{sv}");
                if (r >= 0)
                        r = append_summary(reply, id, i % 2 ? USED_MS : 0);
                if (r >= 0)
                        r = sd_bus_message_close_container(reply);
        }
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        return r < 0 ? r : sd_bus_message_append(reply, "s", isempty(cursor) ? "next" : "");
}

const char *fake_vault_word = "";

static int on_list(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *cursor;
        bool first;
        int r;

        r = sd_bus_message_read(m, "s", &cursor);
        if (r < 0)
                return r;
        first = first_time(cursor);
        record("ListPasskeys %s", cursor);
        r = obey(m, isempty(cursor) ? fake_vault_word : cursor, first);
        if (r != 0)
                return r;
        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = append_page(reply, cursor);
        return r < 0 ? r : sd_bus_message_send(reply);
}

/* The token repeats the arguments. If they contain "warn", there are two warnings. */
static int reply_managed(sd_bus_message *m, const char *what, const char *options)
{
        char token[8192];

        snprintf(token, sizeof(token), "%s%s", what, options);
        if (strstr(what, "warn"))
                return sd_bus_reply_method_return(m, "sta(sss)", token, UINT64_C(1700000000123), 2,
                                                  "PASSKEY_NOT_FOUND", "There is no such passkey",
                                                  "warn-1", "NO_PASSKEYS_FOUND",
                                                  "The user has none", "");
        return sd_bus_reply_method_return(m, "sta(sss)", token, UINT64_C(1700000000123), 0);
}

static int on_update(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        const char *user_id, *username;
        _cleanup_(freep) char *options = NULL;
        char what[1024];
        int r;

        r = sd_bus_message_read(m, "ss", &user_id, &username);
        if (r < 0)
                return r;
        options = describe_options(m, NULL);
        r = record_and_obey(m, user_id, "UpdatePasskeys %s %s", user_id, username);
        if (r != 0)
                return r;
        snprintf(what, sizeof(what), "update %s %s", user_id, username);
        return reply_managed(m, what, options);
}

static int on_delete(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        char what[1024] = "delete", word[256] = "";
        _cleanup_(freep) char *options = NULL;
        const char *id;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "s");
        while (r >= 0 && (r = sd_bus_message_read(m, "s", &id)) > 0) {
                size_t len = strlen(what);

                if (!*word)
                        snprintf(word, sizeof(word), "%s", id);
                snprintf(what + len, sizeof(what) - len, " %s", id);
        }
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        if (r < 0)
                return r;
        options = describe_options(m, NULL);
        r = record_and_obey(m, word, "DeletePasskeys %s", what);
        return r != 0 ? r : reply_managed(m, what, options);
}

static int on_user(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        const char *user_id, *member = sd_bus_message_get_member(m);
        _cleanup_(freep) char *options = NULL;
        char what[1024];
        int r;

        r = sd_bus_message_read(m, "s", &user_id);
        if (r < 0)
                return r;
        options = describe_options(m, NULL);
        r = record_and_obey(m, user_id, "%s %s", member, user_id);
        if (r != 0)
                return r;
        snprintf(what, sizeof(what), "%s %s", member, user_id);
        return reply_managed(m, what, options);
}

const sd_bus_vtable fake_vault[] = {
        SD_BUS_VTABLE_START(0),
        M("GetPasskey", "s", "a{sv}", on_get),
        M("ListPasskeys", "s", "aa{sv}s", on_list),
        M("UpdatePasskeys", "ssa{sv}", "sta(sss)", on_update),
        M("DeletePasskeys", "asa{sv}", "sta(sss)", on_delete),
        M("DeleteUserPasskeys", "sa{sv}", "sta(sss)", on_user),
        M("PrunePasskeys", "sa{sv}", "sta(sss)", on_user),
        SD_BUS_VTABLE_END,
};
