/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The methods of the manager on the store. */

#include "daemon/bus/dispatch/dispatch.h"
#include "daemon/bus/interfaces/append.h"
#include "daemon/bus/interfaces/interfaces.h"
#include "dbus/error.h"

static int append_members(sd_bus_message *reply, const StoreStatus *status)
{
        int r;

        r = sd_bus_message_open_container(reply, 'e', "sv");
        if (r >= 0)
                r = sd_bus_message_append(reply, "s", "members");
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'v', "a(ssbb)");
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "(ssbb)");
        for (size_t i = 0; r >= 0 && i < status->n_members; i++) {
                const StoreMember *member = &status->members[i];

                r = sd_bus_message_append(reply, "(ssbb)", member->name, member->id,
                                          member->is_leader, member->answers);
        }
        for (int i = 0; r >= 0 && i < 3; i++)
                r = sd_bus_message_close_container(reply);
        return r;
}

static int append_numbers(sd_bus_message *reply, const StoreStatus *status)
{
        const struct {
                const char *name;
                uint64_t value;
        } numbers[] = {
                {"away_since", status->away_since_ms},
                {"revision", status->revision},
                {"cluster_revision", status->cluster_revision},
                {"behind_ms", status->behind_ms},
                {"waiting", status->n_waiting},
                {"outbox", status->n_outbox},
                {"unconfirmed", status->n_unconfirmed},
                {"db_size", status->db_size},
                {"quota", status->quota},
        };
        int r = 0;

        for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(numbers); i++)
                r = bus_append_uint64(reply, numbers[i].name, numbers[i].value);
        return r;
}

static int append_etcd(sd_bus_message *reply, const StoreStatus *status)
{
        const BusString strings[] = {
                {"state", status->state},
                {"reason", status->reason},
                {"host", status->host},
                {"endpoint", status->endpoint},
        };
        const char *alarms[3] = {};
        size_t n = 0;
        int r;

        if (status->no_space)
                alarms[n++] = "no-space";
        if (status->is_corrupt)
                alarms[n++] = "corrupt";
        r = bus_append_strings(reply, strings, ARRAY_SIZE(strings));
        if (r >= 0 && status->has_host_number)
                r = sd_bus_message_append(reply, "{sv}", "host_number", "u", status->host_number);
        if (r >= 0)
                r = append_numbers(reply, status);
        if (r >= 0)
                r = bus_append_strv(reply, "alarms", (char *const *) alarms);
        return r < 0 ? r : append_members(reply, status);
}

static int append_store(sd_bus_message *reply, const Result *result)
{
        const StoreStatus *status = result->store;
        int r;

        r = sd_bus_message_open_container(reply, 'a', "{sv}");
        if (r >= 0)
                r = bus_append_string(reply, "engine", status->engine);
        if (r >= 0 && status->state)
                r = append_etcd(reply, status);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int run_get_store(Request *request, sd_bus_message *m _unused_)
{
        const BusOwner *owner = &request->bus->owner;

        return owner->get_store(owner->userdata, request_on_result, request, &request->call);
}

static const Question question_get_store = {
        .action = QUESTION_ACTION("diagnose"),
        .intent = "see the state of the store of passlockd",
};

const Method bus_call_get_store = {
        .rights = 0, .question = &question_get_store, .run = run_get_store, .append = append_store};

int bus_method_get_store(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_)
{
        return dispatch_method(userdata, NULL, m, &bus_call_get_store);
}

static int append_verification(sd_bus_message *reply, const Result *result)
{
        const StoreVerification *verification = result->verification;
        int r;

        r = sd_bus_message_open_container(reply, 'a', "{sv}");
        if (r >= 0)
                r = sd_bus_message_append(reply, "{sv}{sv}{sv}{sv}", "checked", "t",
                                          verification->checked, "missing", "t",
                                          verification->missing, "extra", "t", verification->extra,
                                          "different", "t", verification->different);
        if (r >= 0)
                r = bus_append_bool(reply, "complete", verification->is_complete);
        if (r >= 0)
                r = bus_append_strv(reply, "examples", verification->examples);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int explain_start(Request *request, int r)
{
        if (r == ERROR_NOT_CONFIGURED)
                return request_explain(request, r,
                                       "the store is not shared; see Engine= in passlockd.conf(5)");
        if (r == ERROR_NOT_FOUND)
                return request_explain(request, r,
                                       "this host has no store of its own in its state directory");
        return r;
}

static int run_verify_store(Request *request, sd_bus_message *m _unused_)
{
        const BusOwner *owner = &request->bus->owner;
        int r;

        r = owner->verify_store(owner->userdata, request_on_result, request, &request->call);
        return explain_start(request, r);
}

static const Question question_verify_store = {
        .action = QUESTION_ACTION("diagnose"),
        .intent = "compare the links of this host with the shared store",
};

const Method bus_call_verify_store = {.rights = 0,
                                      .is_long = true,
                                      .question = &question_verify_store,
                                      .run = run_verify_store,
                                      .append = append_verification};

int bus_method_verify_store(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_)
{
        return dispatch_method(userdata, NULL, m, &bus_call_verify_store);
}

static int append_join(sd_bus_message *reply, const Result *result)
{
        const StoreJoin *join = result->join;
        int r;

        r = sd_bus_message_open_container(reply, 'a', "{sv}");
        if (r >= 0)
                r = sd_bus_message_append(reply, "{sv}{sv}{sv}{sv}{sv}", "added", "t", join->added,
                                          "present", "t", join->present, "conflicting", "t",
                                          join->conflicting, "exceeding", "t", join->exceeding,
                                          "unfinished", "t", join->unfinished);
        if (r >= 0)
                r = bus_append_strv(reply, "conflicts", join->conflicts);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int run_join_store(Request *request, sd_bus_message *m _unused_)
{
        const BusOwner *owner = &request->bus->owner;
        bool apply = false;
        const Option options[] = {{"apply", "b", &apply, NULL}};
        int r;

        r = request_read_options(request, options, ARRAY_SIZE(options));
        if (r == 0)
                r = owner->join_store(owner->userdata, apply, &request->origin, request_on_result,
                                      request, &request->call);
        return explain_start(request, r);
}

/* Only root may call this: it changes links of all tenancies. */
const Method bus_call_join_store = {
        .rights = 0, .is_long = true, .run = run_join_store, .append = append_join};

int bus_method_join_store(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_)
{
        return dispatch_method(userdata, NULL, m, &bus_call_join_store);
}

static int append_leave(sd_bus_message *reply, const Result *result)
{
        const StoreLeave *leave = result->leave;
        int r;

        r = sd_bus_message_open_container(reply, 'a', "{sv}");
        if (r >= 0)
                r = sd_bus_message_append(reply, "{sv}{sv}{sv}{sv}{sv}{sv}", "links", "t",
                                          leave->links, "exchanges", "t", leave->exchanges,
                                          "deletes", "t", leave->deletes, "left", "t", leave->left,
                                          "unshared", "t", leave->unshared, "host_number", "u",
                                          leave->host_number);
        if (r >= 0)
                r = bus_append_bool(reply, "current", leave->is_current);
        if (r >= 0)
                r = bus_append_bool(reply, "told", leave->is_told);
        if (r >= 0)
                r = bus_append_string(reply, "kept", leave->kept);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int run_leave_store(Request *request, sd_bus_message *m _unused_)
{
        const BusOwner *owner = &request->bus->owner;
        bool apply = false;
        const Option options[] = {{"apply", "b", &apply, NULL}};
        int r;

        r = request_read_options(request, options, ARRAY_SIZE(options));
        if (r == 0)
                r = owner->leave_store(owner->userdata, apply, &request->origin, request_on_result,
                                       request, &request->call);
        if (r == ERROR_NOT_CONFIGURED)
                return request_explain(request, r,
                                       "the store is not shared, or this host has left it; see "
                                       "Engine= in passlockd.conf(5)");
        if (r == ERROR_STORE_FAILED)
                return request_explain(request, r,
                                       "the links are being loaded from etcd, or another call "
                                       "leaves the store; retry");
        return r;
}

/* Only root may call this, as JoinStore. */
const Method bus_call_leave_store = {
        .rights = 0, .is_long = true, .run = run_leave_store, .append = append_leave};

int bus_method_leave_store(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_)
{
        return dispatch_method(userdata, NULL, m, &bus_call_leave_store);
}
