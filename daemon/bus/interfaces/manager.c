/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "build-config.h"
#include "daemon/bus/dispatch/dispatch.h"
#include "daemon/bus/interfaces/append.h"
#include "daemon/bus/interfaces/interfaces.h"
#include "daemon/model/valid.h"
#include "dbus/error.h"

static int append_tenancy(Request *request, const BusTenancy *object, sd_bus_message *reply)
{
        const char *label = object->label;

        if (!request->authorized &&
            !grants_allow(bus_grants_of(request->bus, request->peer), peer_caller(request->peer),
                          label, RIGHT_ALL, NULL))
                return 0;
        return sd_bus_message_append(reply, "(sso)", label, tenancy_id(object->tenancy),
                                     object->path);
}

static int run_list_tenancies(Request *request, sd_bus_message *m _unused_)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const BusTenancy *t;
        int r;

        r = request_new_reply(request, &reply);
        if (r < 0)
                return r;
        r = sd_bus_message_open_container(reply, 'a', "(sso)");
        LIST_FOREACH(t, &request->bus->tenancies, entry)
                if (r >= 0)
                        r = append_tenancy(request, t, reply);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        if (r < 0)
                return r;
        request_reply(request, reply);
        return 0;
}

DISPATCH_QUESTION(list_tenancies, "find-tenancy", "list the tenancies of passlockd", NULL);
DISPATCH_MANAGER_METHOD(list_tenancies, .rights = RIGHT_ALL, .question = &question_list_tenancies);

static BusTenancy *find_labelled(Bus *bus, const char *label)
{
        return bus_find_tenancy(bus, *label ? label : bus->default_tenancy);
}

/* Replies only with the tenancy for which the caller was authorized. */
static int run_get_tenancy(Request *request, sd_bus_message *m)
{
        BusTenancy *object;
        const char *label;
        int r;

        r = sd_bus_message_read(m, "s", &label);
        if (r < 0)
                return r;
        if (*label && !tenancy_label_is_valid(label))
                return request_explain(request, ERROR_INVALID_ARGS,
                                       "label must be " TENANCY_LABEL_RULE);
        object = find_labelled(request->bus, label);
        if (!object || object->tenancy != request->tenancy)
                return ERROR_UNKNOWN_OBJECT;
        return request_reply_text(request, 'o', object->path);
}

DISPATCH_QUESTION(get_tenancy, "find-tenancy", "find a tenancy of passlockd", NULL);

static const Method call_get_tenancy = {
        .rights = RIGHT_ALL, .question = &question_get_tenancy, .run = run_get_tenancy};

static int method_get_tenancy(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_)
{
        BusTenancy *object = NULL;
        const char *label;
        int r;

        /* run() rejects an unreadable argument. */
        if (sd_bus_message_read(m, "s", &label) > 0)
                object = find_labelled(userdata, label);
        r = sd_bus_message_rewind(m, true);
        if (r < 0)
                return r;
        return dispatch_method(userdata, object, m, &call_get_tenancy);
}

static int reload_fails(Request *request, int r, const char *text)
{
        request->recorded = true;
        return r > 0 && text ? request_explain(request, r, "%s", text) : r;
}

static void on_reloaded(int r, const char *text, void *userdata)
{
        Request *request = userdata;

        if (r == 0)
                request_reply_empty(request);
        else
                request_fail(request, reload_fails(request, r, text));
}

/* Continues if the caller disconnects. */
static int run_reload(Request *request, sd_bus_message *m _unused_)
{
        const BusOwner *owner = &request->bus->owner;
        _cleanup_(freep) char *text = NULL;
        int r;

        r = owner->reload(owner->userdata, &request->origin, on_reloaded, request, &text);
        return r == 0 ? 0 : reload_fails(request, r, text);
}

DISPATCH_QUESTION(reload, "reload", "reload the configuration and the keys of passlockd", NULL);
DISPATCH_MANAGER_METHOD(reload, .rights = 0, .question = &question_reload);

static int append_finding(sd_bus_message *reply, const Finding *finding)
{
        const BusString texts[] = {
                {"kind", finding->kind}, {"tenancy", finding->tenancy},
                {"name", finding->name}, {"place", finding->place},
                {"text", finding->text}, {"advice", finding->advice},
        };
        int r;

        r = sd_bus_message_open_container(reply, 'a', "{sv}");
        if (r >= 0)
                r = bus_append_strings(reply, texts, ARRAY_SIZE(texts));
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int append_findings(sd_bus_message *reply, const FindingList *list)
{
        int r;

        r = sd_bus_message_open_container(reply, 'a', "a{sv}");
        for (size_t i = 0; r >= 0 && i < list->n_findings; i++)
                r = append_finding(reply, &list->findings[i]);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int run_diagnose(Request *request, sd_bus_message *m _unused_)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(finding_list_clear) FindingList list = {};
        const BusOwner *owner = &request->bus->owner;
        int r;

        r = owner->diagnose(owner->userdata, &list);
        if (r == 0)
                r = request_new_reply(request, &reply);
        if (r >= 0)
                r = append_findings(reply, &list);
        if (r < 0)
                return r;
        request_reply(request, reply);
        return 0;
}

DISPATCH_QUESTION(diagnose, "diagnose", "diagnose problems of passlockd", NULL);
DISPATCH_MANAGER_METHOD(diagnose, .rights = 0, .question = &question_diagnose);

static int get_version(sd_bus *sd _unused_, const char *path _unused_,
                       const char *interface _unused_, const char *property _unused_,
                       sd_bus_message *reply, void *userdata _unused_, sd_bus_error *error _unused_)
{
        return sd_bus_message_append(reply, "s", PACKAGE_VERSION);
}

const NamedMethod manager_methods[] = {
        {"ListTenancies", &call_list_tenancies},
        {"GetTenancy", &call_get_tenancy, .of_tenancy = true},
        {"Reload", &call_reload},
        {"Diagnose", &call_diagnose},
        {"ListRights", &bus_call_list_rights},
        {"Explain", &bus_call_explain},
        {"ProveKey", &bus_call_prove_key},
        {"GetStore", &bus_call_get_store},
        {"GetMetrics", &bus_call_get_metrics},
        {"VerifyStore", &bus_call_verify_store},
        {"JoinStore", &bus_call_join_store},
        {"LeaveStore", &bus_call_leave_store},
        {},
};

/* All methods are UNPRIVILEGED to sd-bus: grants and polkit decide. */
const sd_bus_vtable manager_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("ListTenancies", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(sso)", tenancies),
                                method_list_tenancies, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("GetTenancy", SD_BUS_ARGS("s", label), SD_BUS_RESULT("o", tenancy),
                                method_get_tenancy, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Reload", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, method_reload,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Diagnose", SD_BUS_NO_ARGS, SD_BUS_RESULT("aa{sv}", findings),
                                method_diagnose, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListRights", SD_BUS_NO_ARGS, SD_BUS_RESULT("aa{sv}", rights),
                                bus_method_list_rights, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Explain", SD_BUS_ARGS("s", method, "u", uid, "a{sv}", options),
                                SD_BUS_RESULT("a{sv}", explanation), bus_method_explain,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ProveKey", SD_BUS_ARGS("s", tenancy, "s", nonce),
                                SD_BUS_RESULT("s", proof), bus_method_prove_key,
                                SD_BUS_VTABLE_UNPRIVILEGED | SD_BUS_VTABLE_SENSITIVE),
        SD_BUS_METHOD_WITH_ARGS("GetStore", SD_BUS_NO_ARGS, SD_BUS_RESULT("a{sv}", store),
                                bus_method_get_store, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("GetMetrics", SD_BUS_NO_ARGS, SD_BUS_RESULT("a{sv}", metrics),
                                bus_method_get_metrics, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("VerifyStore", SD_BUS_NO_ARGS, SD_BUS_RESULT("a{sv}", result),
                                bus_method_verify_store, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("JoinStore", SD_BUS_ARGS("a{sv}", options),
                                SD_BUS_RESULT("a{sv}", result), bus_method_join_store,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("LeaveStore", SD_BUS_ARGS("a{sv}", options),
                                SD_BUS_RESULT("a{sv}", result), bus_method_leave_store,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_PROPERTY("Version", "s", get_version, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_VTABLE_END,
};
