/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "tests/client/fake-service.h"

static int append_challenge(sd_bus_message *m, const char *id, const char *email,
                            const char *purpose)
{
        int r;

        r = sd_bus_message_append(m, "{sv}{sv}{sv}{sv}{sv}", "id", "s", id, "purpose", "s", purpose,
                                  "email", "s", email, "created_at", "t", UINT64_C(1700000000000),
                                  "expires_at", "t", UINT64_C(1700000600000));
        if (r >= 0 && !streq(id, "plain"))
                r = sd_bus_message_append(m, "{sv}{sv}", "user_id", "s", "ada", "metadata", "s",
                                          "{\"n\":1}");
        return r;
}

/* `options` is NULL for an existing challenge. */
static int reply_challenge(sd_bus_message *m, const char *id, const char *email,
                           const char *purpose, const char *options)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "{sv}");
        if (r >= 0)
                r = append_challenge(reply, id, email, purpose);
        if (r >= 0 && options && !streq(email, "incomplete"))
                r = sd_bus_message_append(reply, "{sv}{sv}{sv}{sv}", "secret", "s", "s3cret",
                                          "code", "s", "123456", "message_html", "s",
                                          "<b>123456</b>", "message_text", "s", options);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        return r < 0 ? r : sd_bus_message_send(reply);
}

static int on_create(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        const char *email, *purpose;
        _cleanup_(freep) char *options = NULL;
        int r;

        r = sd_bus_message_read(m, "ss", &email, &purpose);
        if (r < 0)
                return r;
        options = describe_options(m, NULL);
        r = record_and_obey(m, email, "CreateChallenge %s %s", email, purpose);
        return r != 0 ? r : reply_challenge(m, "ch-1", email, purpose, options);
}

static int on_get(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        const char *id;
        int r;

        r = sd_bus_message_read(m, "s", &id);
        if (r < 0)
                return r;
        r = record_and_obey(m, id, "GetChallenge %s", id);
        return r != 0 ? r : reply_challenge(m, id, "ada@shop.example", "login", NULL);
}

static int on_verify(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        const char *id, *secret, *code;
        int r;

        r = sd_bus_message_read(m, "sss", &id, &secret, &code);
        if (r < 0)
                return r;
        r = record_and_obey(m, id, "VerifyChallenge %s %s %s", id, secret, code);
        return r != 0 ? r : reply_challenge(m, id, "ada@shop.example", "login", NULL);
}

static int on_delete(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        const char *id;
        int r;

        r = sd_bus_message_read(m, "s", &id);
        if (r < 0)
                return r;
        r = record_and_obey(m, id, "DeleteChallenge %s", id);
        return r != 0 ? r : sd_bus_reply_method_return(m, "");
}

const sd_bus_vtable fake_mailbox[] = {
        SD_BUS_VTABLE_START(0),
        M("CreateChallenge", "ssa{sv}", "a{sv}", on_create),
        M("GetChallenge", "s", "a{sv}", on_get),
        M("VerifyChallenge", "sss", "a{sv}", on_verify),
        M("DeleteChallenge", "s", "", on_delete),
        SD_BUS_VTABLE_END,
};
