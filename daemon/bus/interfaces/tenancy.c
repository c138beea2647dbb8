/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/strv.h"
#include "daemon/bus/dispatch/dispatch.h"
#include "daemon/bus/dispatch/option.h"
#include "daemon/bus/interfaces/append.h"
#include "daemon/bus/interfaces/interfaces.h"
#include "daemon/core/authorize.h"
#include "daemon/core/exchange.h"
#include "daemon/core/verify-id-token.h"
#include "daemon/model/valid.h"
#include "dbus/error.h"

/* Authorize */

static int append_token(sd_bus_message *m, const Result *result)
{
        return sd_bus_message_append(m, "st", result->token->token, result->token->expires_at_ms);
}

/* Copies of strings that are lent by the message; NULL is not copied. */
typedef struct StringCopy {
        const char *from;
        char **to;
} StringCopy;

/* `copies` ends in an entry without `to`. */
static int copy_strings(const StringCopy *copies)
{
        for (; copies->to; copies++) {
                *copies->to = copies->from ? strdup(copies->from) : NULL;
                if (copies->from && !*copies->to)
                        return -ENOMEM;
        }
        return 0;
}

#define COPY_STRINGS(...) copy_strings((const StringCopy[]){__VA_ARGS__, {}})

static int read_registration(Request *request, Registration *registration, bool *ret_exclude_linked)
{
        const char *rp_id, *user_id, *username, *rp_name = NULL, *display_name = NULL,
                                                *user_verification = NULL;
        bool exclude_linked = true;
        const Option options[] = {
                {"rp_name", "s", &rp_name, username_is_valid},
                {"display_name", "s", &display_name, username_is_valid},
                {"exclude_credentials", "as", &registration->exclude_credentials, id_is_valid},
                {"exclude_linked", "b", &exclude_linked, NULL},
                {"user_verification", "s", &user_verification, user_verification_is_valid},
                {"timeout_ms", "u", &registration->timeout_ms, NULL},
        };
        int r;

        r = request_read_text(request, "rp_id", rp_id_is_valid, RP_ID_LEN_MAX, &rp_id);
        if (r == 0)
                r = request_read_user_id(request, &user_id);
        if (r == 0)
                r = request_read_text(request, "username", username_is_valid, USERNAME_LEN_MAX,
                                      &username);
        if (r == 0)
                r = request_read_options(request, options, ARRAY_SIZE(options));
        if (r != 0)
                return r;
        *ret_exclude_linked = exclude_linked;
        return COPY_STRINGS({rp_id, &registration->rp_id}, {user_id, &registration->user_id},
                            {username, &registration->username},
                            {rp_name ?: rp_id, &registration->rp_name},
                            {display_name, &registration->display_name},
                            {user_verification, &registration->user_verification});
}

static int run_authorize(Request *request, sd_bus_message *m _unused_)
{
        _cleanup_(registration_freep) Registration *registration = registration_new();
        bool exclude_linked;
        int r;

        if (!registration)
                return -ENOMEM;
        r = read_registration(request, registration, &exclude_linked);
        if (r == 0)
                r = dispatch_authorize_rp(request, registration->rp_id);
        if (r == 0)
                r = authorize_registration_start(request->tenancy, TAKE_PTR(registration),
                                                 exclude_linked, request_on_result, request,
                                                 &request->call);
        return r;
}

DISPATCH_METHOD(authorize, .has_rp = true, .rights = RIGHT_AUTHORIZE, .append = append_token,
                .has_event = true, .event = EVENT_CEREMONY_AUTHORIZED);

/* AuthorizeAuthentication */

static int read_authentication(Request *request, Authentication *authentication)
{
        const char *rp_id, *user_id = NULL, *mediation = NULL, *user_verification = NULL;
        const Option options[] = {
                {"user_id", "s", &user_id, user_id_is_valid},
                {"allow_credentials", "as", &authentication->allow_credentials, id_is_valid},
                {"discoverable", "b", &authentication->discoverable, NULL},
                {"mediation", "s", &mediation, mediation_is_valid},
                {"user_verification", "s", &user_verification, user_verification_is_valid},
                {"timeout_ms", "u", &authentication->timeout_ms, NULL},
        };
        int r;

        r = request_read_text(request, "rp_id", rp_id_is_valid, RP_ID_LEN_MAX, &rp_id);
        if (r == 0)
                r = request_read_options(request, options, ARRAY_SIZE(options));
        if (r != 0)
                return r;
        return COPY_STRINGS({rp_id, &authentication->rp_id}, {user_id, &authentication->user_id},
                            {mediation, &authentication->mediation},
                            {user_verification, &authentication->user_verification});
}

static int run_authorize_authentication(Request *request, sd_bus_message *m _unused_)
{
        _cleanup_(authentication_freep) Authentication *authentication = authentication_new();
        int r;

        if (!authentication)
                return -ENOMEM;
        r = read_authentication(request, authentication);
        if (r == 0)
                r = dispatch_authorize_rp(request, authentication->rp_id);
        if (r != 0)
                return r;
        r = authorize_authentication_start(request->tenancy, authentication, request_on_result,
                                           request, &request->call);
        if (r == ERROR_INVALID_ARGS)
                return request_explain(request, r,
                                       "Set either discoverable, or user_id and/or "
                                       "allow_credentials; conditional mediation requires "
                                       "discoverable");
        return r;
}

DISPATCH_METHOD(authorize_authentication, .has_rp = true, .rights = RIGHT_AUTHORIZE_AUTHENTICATION,
                .append = append_token, .has_event = true, .event = EVENT_CEREMONY_AUTHORIZED);

/* Exchange */

static int append_answer(sd_bus_message *m, const Result *result)
{
        const IdempotencyRecord *answer = result->answer;
        int r;

        r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r >= 0)
                r = bus_append_principal(m, answer->principal);
        if (r >= 0)
                r = sd_bus_message_append(m, "{sv}{sv}", "linked", "b", answer->linked,
                                          "newly_linked", "b", answer->newly_linked);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

/* The audit record has the user of the principal, not the expected user. */
static void on_exchanged(const Result *result, void *userdata)
{
        Request *request = userdata;

        if (result->r == 0) {
                request->subject.user_id = result->answer->principal->user_id;
                request->subject.authenticator_id = result->answer->principal->authenticator_id;
                request_record(request, EVENT_CODE_EXCHANGED, NULL);
        }
        request_end(request, result, append_answer);
}

static int run_exchange(Request *request, sd_bus_message *m _unused_)
{
        ExchangeRequest exchange = {
                .uid = peer_caller(request->peer)->uid,
                .link = true,
                .origin = request->origin,
        };
        const Option options[] = {
                {"user_id", "s", &exchange.user_id, user_id_is_valid},
                {"link", "b", &exchange.link, NULL},
                {"request_id", "s", &exchange.request_id, request_id_is_valid},
        };
        int r;

        r = request_read_text(request, "code", code_is_valid, CODE_LEN_MAX, &exchange.code);
        if (r == 0)
                r = request_read_options(request, options, ARRAY_SIZE(options));
        if (r == 0 && exchange.request_id)
                exchange.grant = dispatch_grant_name(request);
        return r != 0 ? r : exchange_start(request->tenancy, &exchange, on_exchanged, request);
}

DISPATCH_METHOD(exchange, .rights = RIGHT_EXCHANGE);

/* VerifyIdToken */

static int append_principal(sd_bus_message *m, const Result *result)
{
        int r;

        r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r >= 0)
                r = bus_append_principal(m, result->principal);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int run_verify_id_token(Request *request, sd_bus_message *m _unused_)
{
        const char *id_token, *user_id = NULL;
        const Option options[] = {{"user_id", "s", &user_id, user_id_is_valid}};
        int r;

        r = request_read_text(request, "id_token", id_token_is_valid, ID_TOKEN_LEN_MAX, &id_token);
        if (r == 0)
                r = request_read_options(request, options, ARRAY_SIZE(options));
        if (r == 0)
                r = verify_id_token_start(request->tenancy, id_token, user_id, request_on_result,
                                          request, &request->call);
        return r;
}

DISPATCH_METHOD(verify_id_token, .rights = RIGHT_VERIFY_ID_TOKEN, .append = append_principal);

static int get_property(sd_bus *sd _unused_, const char *path _unused_,
                        const char *interface _unused_, const char *property, sd_bus_message *reply,
                        void *userdata, sd_bus_error *error _unused_)
{
        const BusTenancy *object = userdata;
        const Tenancy *tenancy = object->tenancy;
        const char *value;

        if (streq(property, "Label"))
                value = object->label;
        else if (streq(property, "TenancyId"))
                value = tenancy_id(tenancy);
        else if (streq(property, "Endpoint"))
                value = tenancy_endpoint(tenancy);
        else if (streq(property, "CaFile"))
                value = tenancy_ca_file(tenancy) ?: "";
        else if (streq(property, "ApiKeyCredential"))
                value = tenancy_credential(tenancy);
        else
                value = tenancy_state_to_string(tenancy_state(tenancy));
        return sd_bus_message_append(reply, "s", value);
}

const NamedMethod tenancy_methods[] = {
        {"Authorize", &call_authorize},
        {"AuthorizeAuthentication", &call_authorize_authentication},
        {"Exchange", &call_exchange},
        {"VerifyIdToken", &call_verify_id_token},
        {},
};

const sd_bus_vtable tenancy_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS(
                "Authorize", SD_BUS_ARGS("s", rp_id, "s", user_id, "s", username, "a{sv}", options),
                SD_BUS_RESULT("s", registration_token, "t", expires_at), method_authorize,
                SD_BUS_VTABLE_UNPRIVILEGED | SD_BUS_VTABLE_SENSITIVE),
        SD_BUS_METHOD_WITH_ARGS("AuthorizeAuthentication",
                                SD_BUS_ARGS("s", rp_id, "a{sv}", options),
                                SD_BUS_RESULT("s", authentication_token, "t", expires_at),
                                method_authorize_authentication,
                                SD_BUS_VTABLE_UNPRIVILEGED | SD_BUS_VTABLE_SENSITIVE),
        SD_BUS_METHOD_WITH_ARGS("Exchange", SD_BUS_ARGS("s", code, "a{sv}", options),
                                SD_BUS_RESULT("a{sv}", principal), method_exchange,
                                SD_BUS_VTABLE_UNPRIVILEGED | SD_BUS_VTABLE_SENSITIVE),
        SD_BUS_METHOD_WITH_ARGS("VerifyIdToken", SD_BUS_ARGS("s", id_token, "a{sv}", options),
                                SD_BUS_RESULT("a{sv}", principal), method_verify_id_token,
                                SD_BUS_VTABLE_UNPRIVILEGED | SD_BUS_VTABLE_SENSITIVE),
        SD_BUS_PROPERTY("Label", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("TenancyId", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Endpoint", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("CaFile", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("ApiKeyCredential", "s", get_property, 0, 0),
        SD_BUS_PROPERTY("State", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_VTABLE_END,
};
