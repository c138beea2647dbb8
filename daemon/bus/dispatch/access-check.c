/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/strv.h"
#include "daemon/bus/dispatch/access-check.h"
#include "daemon/metrics/call-counts.h"
#include "daemon/model/valid.h"
#include "dbus/error.h"

static AccessQuery query_of(const Request *request, const char *rp_id)
{
        return (AccessQuery){
                .caller = peer_caller(request->peer),
                .tenancy = request->label,
                .rights = request->method->rights,
                .rp_id = rp_id,
        };
}

AccessDecision access_check(const Request *request, const char *rp_id)
{
        const AccessQuery query = query_of(request, rp_id);

        return access_decide(bus_grants_of(request->bus, request->peer), &query);
}

/* For the metrics. */
static unsigned source_of(const AccessDecision *decision)
{
        if (decision->verdict == ACCESS_DENIED)
                return CALL_SOURCE_NONE;
        return decision->grant ? decision->grant->source : CALL_SOURCE_ROOT;
}

AccessVerdict access_check_any_rp(Request *request)
{
        AccessDecision decision = access_check(request, NULL);

        request->source = source_of(&decision);
        return decision.verdict;
}

/* A use that was not recorded of late; if there are too many, within the rate limit. */
static bool is_due(const Request *request, const AccessQuery *query, Grant *grant)
{
        int r;

        r = unenforced_uses_note(&grant->uses, query->caller->uid, query->rights, query->rp_id,
                                 monotonic_ms());
        return r < 0 ? peers_may_record(request->bus->peers, request->peer) : r > 0;
}

static void record_unenforced(Request *request, const AccessQuery *query,
                              const AccessDecision *decision)
{
        _cleanup_(strv_freep) char **lacks = NULL;
        _cleanup_(freep) char *joined = NULL, *text = NULL;
        const Grant *grant = decision->grant;

        if (!is_due(request, query, decision->grant))
                return;
        if (access_list_lacks(query, decision->lacks, &lacks) == 0)
                joined = lacks ? strv_join((const char *const *) lacks) : strdup("RpId=");
        if (joined)
                text = text_format("grant %s lacks %s; Enforce=no at %s allows it", grant->name,
                                   joined, grant->enforce_place ?: "");
        request->origin.decided_by = DECIDED_BY_GRANT;
        request_record(request, EVENT_WOULD_BE_DENIED, text);
}

AccessVerdict access_check_take(Request *request, const char *rp_id)
{
        const AccessQuery query = query_of(request, rp_id);
        AccessDecision decision;

        decision = access_take_call(bus_grants_of(request->bus, request->peer), &query,
                                    monotonic_ms());
        request->source = source_of(&decision);
        if (decision.verdict == ACCESS_UNENFORCED)
                record_unenforced(request, &query, &decision);
        return decision.verdict;
}

/* The interface without the common prefix. */
static const char *short_interface(const Request *request)
{
        return sd_bus_message_get_interface(request->message) + strlen(PASSLOCK_BUS_NAME ".");
}

int access_check_deny(Request *request, const char *rp_id, const char *reason)
{
        const char *label = request->label, *member = sd_bus_message_get_member(request->message);
        bool names_label = label && !streq(label, request->bus->default_tenancy);
        /* Other ids would have to be quoted for the shell. */
        bool names_rp = domain_name_is_valid(rp_id);
        uid_t uid = peer_caller(request->peer)->uid;

        return request_explain(request, ERROR_ACCESS_DENIED,
                               "uid %u may not call %s.%s: %s%srun \"passlockctl explain %u "
                               "%s.%s%s%s%s%s%s\" as root",
                               uid, short_interface(request), member, reason ?: "",
                               reason ? "; " : "", uid, short_interface(request), member,
                               names_label ? " --tenancy=" : "", names_label ? label : "",
                               names_rp ? " --relying-party=" : "", names_rp ? rp_id : "",
                               request->method->applies ? " --apply" : "");
}
