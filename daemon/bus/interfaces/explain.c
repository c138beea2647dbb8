/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/strv.h"
#include "daemon/bus/dispatch/dispatch.h"
#include "daemon/bus/interfaces/append.h"
#include "daemon/bus/interfaces/interfaces.h"
#include "daemon/model/access.h"
#include "daemon/model/valid.h"
#include "dbus/error.h"

/* Explain makes the dispatcher's decision on a call of any user, and explains it. */

typedef struct Subject {
        const Method *method;
        bool of_tenancy;
        bool has_dry_run;
} Subject;

/* Matches "Interface.Member" or "Member". */
static bool is_named(const char *name, const BusInterface *interface, const NamedMethod *named)
{
        const char *prefix = interface->name + strlen(PASSLOCK_BUS_NAME ".");
        size_t len = strlen(prefix);

        if (strncmp(name, prefix, len) == 0 && name[len] == '.')
                name += len + 1;
        return streq(name, named->member);
}

static int find_method(Request *request, const char *name, bool dry_run, Subject *ret)
{
        for (const BusInterface *i = request->bus->interfaces; i->name; i++)
                for (const NamedMethod *named = i->methods; named->member; named++)
                        if (is_named(name, i, named)) {
                                *ret = (Subject){
                                        .method = named->applying && !dry_run ? named->applying
                                                                              : named->method,
                                        .of_tenancy = i->of_tenancies || named->of_tenancy,
                                        .has_dry_run = named->applying,
                                };
                                return 0;
                        }
        return request_explain(request, ERROR_INVALID_ARGS,
                               "Unknown method; expected a name such as Links.Add");
}

/* Refuses options that the decision does not depend on. */
static int check_options(Request *request, const Subject *subject, const char *label,
                         const char *rp_id, bool dry_run)
{
        if (rp_id && !subject->method->has_rp)
                return request_explain(request, ERROR_INVALID_ARGS,
                                       "The method has no relying party");
        if (!dry_run && !subject->has_dry_run)
                return request_explain(request, ERROR_INVALID_ARGS, "The method has no dry run");
        if (label && !subject->of_tenancy)
                return request_explain(request, ERROR_INVALID_ARGS, "The method has no tenancy");
        return 0;
}

/* How the call is decided: by root, a grant, polkit, or not at all. */
static const char *source_of(const Method *method, const AccessDecision *decision, uid_t uid)
{
        if (method->for_everybody)
                return "everybody";
        if (uid == 0)
                return "root";
        if (decision->verdict != ACCESS_DENIED)
                return "grant";
        return method->question ? "polkit" : "none";
}

static int append_rights(sd_bus_message *reply, const char *name, unsigned rights)
{
        _cleanup_(strv_freep) char **names = NULL;
        int r;

        r = right_list_names(rights, &names);
        return r < 0 ? r : bus_append_strv(reply, name, names);
}

/* The line of Allow= that gives the right. */
static const char *place_of_right(const Grant *grant, unsigned rights)
{
        unsigned given = grant->allow & rights;

        return given ? grant->places[__builtin_ctz(given)] : NULL;
}

static int append_grant(sd_bus_message *reply, const AccessQuery *query,
                        const AccessDecision *decision)
{
        _cleanup_(strv_freep) char **lacks = NULL;
        const Grant *grant = decision->grant;
        const BusString strings[] = {
                {"grant", grant->name},
                {"place", grant->place},
                {"allow_place", place_of_right(grant, query->rights)},
        };
        int r;

        r = access_list_lacks(query, decision->lacks, &lacks);
        if (r == 0)
                r = bus_append_strings(reply, strings, ARRAY_SIZE(strings));
        if (r >= 0)
                r = bus_append_strv(reply, "lacks", lacks);
        if (r >= 0 && grant->rp_ids)
                r = bus_append_strv(reply, "rp_ids", grant->rp_ids);
        if (r >= 0 && grant->max_calls_per_s > 0)
                r = bus_append_uint64(reply, "max_calls_per_s", grant->max_calls_per_s);
        return r;
}

static int append_explanation(sd_bus_message *reply, const Method *method, const AccessQuery *query,
                              const AccessDecision *decision)
{
        bool allowed = method->for_everybody || access_is_allowed(decision->verdict);
        const char *source = source_of(method, decision, query->caller->uid);
        int r;

        r = sd_bus_message_open_container(reply, 'a', "{sv}");
        if (r >= 0)
                r = bus_append_bool(reply, "allowed", allowed);
        if (r >= 0)
                r = bus_append_bool(reply, "unenforced", decision->verdict == ACCESS_UNENFORCED);
        if (r >= 0)
                r = bus_append_string(reply, "source", source);
        if (r >= 0)
                r = bus_append_string(reply, "tenancy", query->tenancy);
        if (r >= 0)
                r = append_rights(reply, "rights", query->rights);
        if (r >= 0 && decision->grant && query->rights)
                r = append_grant(reply, query, decision);
        if (r >= 0 && streq(source, "polkit"))
                r = bus_append_string(reply, "action", method->question->action);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int reply_explanation(Request *request, const Method *method, const AccessQuery *query)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        AccessDecision decision = access_decide(&request->bus->grants, query);
        int r;

        r = request_new_reply(request, &reply);
        if (r >= 0)
                r = append_explanation(reply, method, query, &decision);
        if (r < 0)
                return r;
        request_reply(request, reply);
        return 0;
}

static int explain(Request *request, const Subject *subject, const Caller *caller,
                   const char *label, const char *rp_id)
{
        const BusTenancy *object = NULL;
        const AccessQuery query = {
                .caller = caller,
                .tenancy = subject->of_tenancy ? label ?: request->bus->default_tenancy : NULL,
                .rights = subject->method->rights,
                .rp_id = rp_id,
        };

        if (subject->of_tenancy)
                object = bus_find_tenancy(request->bus, query.tenancy);
        if (subject->of_tenancy && !object)
                return ERROR_UNKNOWN_OBJECT;
        return reply_explanation(request, subject->method, &query);
}

static int run_explain(Request *request, sd_bus_message *m)
{
        const char *name, *label = NULL, *rp_id = NULL;
        OptionNumbers groups = {};
        bool dry_run = true;
        const Option options[] = {
                {"tenancy", "s", &label, tenancy_label_is_valid},
                {"rp_id", "s", &rp_id, rp_id_is_valid},
                {"dry_run", "b", &dry_run, NULL},
                {"groups", "au", &groups, NULL},
        };
        Caller caller = {};
        Subject subject = {};
        int r;

        r = sd_bus_message_read(m, "su", &name, &caller.uid);
        if (r < 0)
                return r;
        r = request_read_options(request, options, ARRAY_SIZE(options));
        if (r == 0 && caller.uid == (uid_t) -1)
                r = request_explain(request, ERROR_INVALID_ARGS, "Invalid uid");
        if (r == 0)
                r = find_method(request, name, dry_run, &subject);
        if (r == 0)
                r = check_options(request, &subject, label, rp_id, dry_run);
        if (r != 0)
                return r;
        caller.gids = (gid_t *) groups.numbers;
        caller.n_gids = groups.n;
        return explain(request, &subject, &caller, label, rp_id);
}

DISPATCH_QUESTION(explain, "diagnose", "see which grants apply to a user", NULL);

const Method bus_call_explain = {.rights = 0, .question = &question_explain, .run = run_explain};

int bus_method_explain(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_)
{
        return dispatch_method(userdata, NULL, m, &bus_call_explain);
}
