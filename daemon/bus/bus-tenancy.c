/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/strv.h"
#include "daemon/bus/bus-options.h"
#include "daemon/bus/request.h"
#include "daemon/core/authorize.h"
#include "daemon/core/exchange.h"
#include "daemon/model/valid.h"
#include "dbus/error.h"

#define OUT_OF_BOUNDS "%s is not a text of 1 to %u bytes"

/* Authorize */

static void authorized(int r, uint32_t retry_after_s, const Token *token, void *userdata)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        Request *request = userdata;

        request->operation = NULL;
        if (r == 0)
                r = request_new_reply(request, &reply);
        if (r == 0)
                r = sd_bus_message_append(reply, "st", token->token, token->expires_at_ms);
        if (r < 0 || !reply)
                request_fail_retry_after(request, r, retry_after_s);
        else
                request_reply(request, reply);
}

static void call_off_authorize(void *operation)
{
        authorize_cancel(operation);
}

/* Strings that are lent by the message become the registration's own. */
static int take_strings(Registration *registration, const char *rp_name, const char *display_name,
                        const char *user_verification)
{
        registration->rp_name = strdup(rp_name);
        registration->display_name = display_name ? strdup(display_name) : NULL;
        registration->user_verification = user_verification ? strdup(user_verification) : NULL;
        if (!registration->rp_name || (display_name && !registration->display_name) ||
            (user_verification && !registration->user_verification))
                return -ENOMEM;
        return 0;
}

static int read_registration_options(sd_bus_message *m, Registration *registration,
                                     bool *ret_exclude_linked, char ret_text[static 128])
{
        const char *rp_name = registration->rp_id, *display_name = NULL, *user_verification = NULL;
        bool exclude_linked = true;
        const Option options[] = {
                {"rp_name", 's', &rp_name, username_is_valid},
                {"display_name", 's', &display_name, username_is_valid},
                {"exclude_credentials", 'a', &registration->exclude_credentials, id_is_valid},
                {"exclude_linked", 'b', &exclude_linked, NULL},
                {"user_verification", 's', &user_verification, user_verification_is_valid},
                {"timeout_ms", 'u', &registration->timeout_ms, NULL},
        };
        int r;

        r = options_read(m, options, ARRAY_SIZE(options), ret_text);
        if (r != 0)
                return r;
        *ret_exclude_linked = exclude_linked;
        return take_strings(registration, rp_name, display_name, user_verification);
}

static int run_authorize(Request *request, sd_bus_message *m)
{
        _cleanup_(registration_freep) Registration *registration = registration_new();
        const char *rp_id, *user_id, *username;
        bool exclude_linked;
        Authorize *authorize;
        char text[128];
        int r;

        if (!registration)
                return -ENOMEM;
        r = sd_bus_message_read(m, "sss", &rp_id, &user_id, &username);
        if (r < 0)
                return r;
        if (!rp_id_is_valid(rp_id))
                return request_refuse(request, ERROR_INVALID_ARGS, OUT_OF_BOUNDS, "rp_id", 253);
        if (!user_id_is_valid(user_id))
                return request_refuse(request, ERROR_INVALID_ARGS, OUT_OF_BOUNDS, "user_id", 256);
        if (!username_is_valid(username))
                return request_refuse(request, ERROR_INVALID_ARGS, OUT_OF_BOUNDS, "username", 256);
        registration->rp_id = strdup(rp_id);
        registration->user_id = strdup(user_id);
        registration->username = strdup(username);
        if (!registration->rp_id || !registration->user_id || !registration->username)
                return -ENOMEM;
        r = read_registration_options(m, registration, &exclude_linked, text);
        if (r == ERROR_INVALID_ARGS)
                return request_refuse(request, r, "%s", text);
        if (r < 0)
                return r;

        r = request_authorize_rp(request, rp_id);
        if (r != 0)
                return r;
        r = authorize_start(request->tenancy, TAKE_PTR(registration), exclude_linked, authorized,
                            request, &authorize);
        if (r != 0)
                return r;
        request->operation = authorize;
        request->cancel = call_off_authorize;
        return 0;
}

static int method_authorize(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_)
{
        BusTenancy *object = userdata;

        return request_begin(object->bus, object->tenancy, m, RIGHT_AUTHORIZE, run_authorize);
}

/* Exchange */

static int append_string(sd_bus_message *m, const char *name, const char *value)
{
        return value ? sd_bus_message_append(m, "{sv}", name, "s", value) : 0;
}

static int append_principal(sd_bus_message *m, const Principal *principal)
{
        const struct {
                const char *name, *value;
        } strings[] = {
                {"id", principal->id},
                {"user_id", principal->user_id},
                {"authenticator_id", principal->authenticator_id},
                {"authenticator_type", principal->authenticator_type},
                {"platform_name", principal->platform_name},
                {"ip_address", principal->ip_address},
                {"user_agent", principal->user_agent},
        };
        int r = 0;

        for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(strings); i++)
                r = append_string(m, strings[i].name, strings[i].value);
        if (r < 0)
                return r;
        r = sd_bus_message_append(m, "{sv}{sv}", "created_at", "t", principal->created_at_ms,
                                  "expires_at", "t", principal->expires_at_ms);
        if (r < 0)
                return r;
        return sd_bus_message_append(m, "{sv}{sv}", "verified", "b", principal->verified,
                                     "user_verified", "b", principal->user_verified);
}

static int append_answer(sd_bus_message *m, const Answer *answer)
{
        int r;

        r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r >= 0)
                r = append_principal(m, answer->principal);
        if (r >= 0)
                r = sd_bus_message_append(m, "{sv}{sv}", "linked", "b", answer->linked,
                                          "newly_linked", "b", answer->newly_linked);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r;
}

static void exchanged(int r, uint32_t retry_after_s, const Answer *answer, void *userdata)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        Request *request = userdata;

        if (r == 0)
                r = request_new_reply(request, &reply);
        if (r == 0)
                r = append_answer(reply, answer);
        if (r < 0 || !reply)
                request_fail_retry_after(request, r, retry_after_s);
        else
                request_reply(request, reply);
}

static int run_exchange(Request *request, sd_bus_message *m)
{
        _cleanup_(answer_clear) Answer answer = {};
        ExchangeRequest exchange = {.uid = identity_caller(request->identity)->uid, .link = true};
        const Option options[] = {
                {"user_id", 's', &exchange.user_id, user_id_is_valid},
                {"link", 'b', &exchange.link, NULL},
                {"request_id", 's', &exchange.request_id, request_id_is_valid},
        };
        char text[128];
        int r;

        r = sd_bus_message_read(m, "s", &exchange.code);
        if (r < 0)
                return r;
        if (!code_is_valid(exchange.code))
                return request_refuse(request, ERROR_INVALID_ARGS, OUT_OF_BOUNDS, "code", 512);
        r = options_read(m, options, ARRAY_SIZE(options), text);
        if (r == ERROR_INVALID_ARGS)
                return request_refuse(request, r, "%s", text);
        if (r < 0)
                return r;

        r = exchange_find_answer(request->tenancy, &exchange, &answer);
        if (r == ERROR_NOT_FOUND)
                return exchange_start(request->tenancy, &exchange, exchanged, request);
        if (r != 0)
                return r;
        exchanged(answer.error, 0, &answer, request);
        return 0;
}

static int method_exchange(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_)
{
        BusTenancy *object = userdata;

        return request_begin(object->bus, object->tenancy, m, RIGHT_EXCHANGE, run_exchange);
}

static int get_property(sd_bus *sd _unused_, const char *path _unused_,
                        const char *interface _unused_, const char *property, sd_bus_message *reply,
                        void *userdata, sd_bus_error *error _unused_)
{
        const Tenancy *tenancy = ((BusTenancy *) userdata)->tenancy;
        const char *value;

        if (streq(property, "Label"))
                value = tenancy_label(tenancy);
        else if (streq(property, "TenancyId"))
                value = tenancy_id(tenancy);
        else if (streq(property, "Endpoint"))
                value = tenancy_endpoint(tenancy);
        else
                value = tenancy_state_to_string(tenancy_state(tenancy));
        return sd_bus_message_append(reply, "s", value);
}

const sd_bus_vtable tenancy_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS(
                "Authorize", SD_BUS_ARGS("s", rp_id, "s", user_id, "s", username, "a{sv}", options),
                SD_BUS_RESULT("s", registration_token, "t", expires_at), method_authorize,
                SD_BUS_VTABLE_UNPRIVILEGED | SD_BUS_VTABLE_SENSITIVE),
        SD_BUS_METHOD_WITH_ARGS("Exchange", SD_BUS_ARGS("s", code, "a{sv}", options),
                                SD_BUS_RESULT("a{sv}", principal), method_exchange,
                                SD_BUS_VTABLE_UNPRIVILEGED | SD_BUS_VTABLE_SENSITIVE),
        SD_BUS_PROPERTY("Label", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("TenancyId", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Endpoint", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("State", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_VTABLE_END,
};
