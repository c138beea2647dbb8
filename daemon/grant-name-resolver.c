/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/audit/audit.h"
#include "daemon/grant-name-resolver.h"
#include "daemon/nss-lookup-pool.h"

/* Delay before a retry; it doubles. */
#define INTERVAL_MIN_USEC (1000U * 1000)
#define INTERVAL_MAX_USEC (5000U * 1000)

typedef struct ResolvedName {
        SLIST_ENTRY(ResolvedName) entry;
        bool is_group;
        bool in_lookup;
        char *name;
        NssResult result; /* of the latest lookup */
} ResolvedName;

typedef SLIST_HEAD(ResolvedNameList, ResolvedName) ResolvedNameList;

struct GrantNameResolver {
        NssLookupPool *lookups;
        GrantNameResolverFunc changed;
        void *userdata;
        ResolvedNameList names;
        sd_event_source *retry_timer; /* on while a missing name waits for its next lookup */
        uint64_t interval_usec;
};

static ResolvedName *resolved_name_free(ResolvedName *name)
{
        if (!name)
                return NULL;
        free(name->name);
        free(name);
        return NULL;
}
DEFINE_CLEANUP(ResolvedName *, resolved_name_free);

static void resolved_name_list_clear(ResolvedNameList *list)
{
        ResolvedName *name;

        while ((name = SLIST_FIRST(list))) {
                SLIST_REMOVE_HEAD(list, entry);
                resolved_name_free(name);
        }
}

static ResolvedName *find_resolved_name(const ResolvedNameList *list, bool is_group,
                                        const char *name)
{
        ResolvedName *n;

        SLIST_FOREACH(n, list, entry)
                if (n->is_group == is_group && streq(n->name, name))
                        return n;
        return NULL;
}

static int add_name(ResolvedNameList *list, bool is_group, const char *text)
{
        _cleanup_(resolved_name_freep) ResolvedName *name = NULL;

        if (find_resolved_name(list, is_group, text))
                return 0;
        name = calloc(1, sizeof(ResolvedName));
        if (!name)
                return -ENOMEM;
        name->is_group = is_group;
        name->result = NSS_RESULT_PENDING;
        name->name = strdup(text);
        if (!name->name)
                return -ENOMEM;
        SLIST_INSERT_HEAD(list, name, entry);
        (void) TAKE_PTR(name);
        return 0;
}

static int list_names(const GrantList *grants, ResolvedNameList *ret)
{
        _cleanup_(resolved_name_list_clear) ResolvedNameList list = {};
        int r;

        for (size_t i = 0; i < grants->n_grants; i++) {
                const Grant *grant = grants->grants[i];

                for (size_t j = 0; j < grant->n_names; j++) {
                        r = add_name(&list, grant->names[j].is_group, grant->names[j].name);
                        if (r < 0)
                                return r;
                }
        }
        *ret = TAKE(list, (ResolvedNameList){});
        return 0;
}

static void start_lookup(GrantNameResolver *resolver, ResolvedName *name)
{
        if (nss_lookup_pool_ask(resolver->lookups, name->is_group, name->name) >= 0)
                name->in_lookup = true;
        else
                name->result.r = -ENOMEM;
}

static void schedule_retry(GrantNameResolver *resolver)
{
        const ResolvedName *name;
        bool missing = false;
        int r;

        SLIST_FOREACH(name, &resolver->names, entry)
                missing = missing || (name->result.r <= 0 && !name->in_lookup);
        if (!missing || sd_event_source_get_enabled(resolver->retry_timer, NULL) > 0)
                return;
        resolver->interval_usec = resolver->interval_usec * 2 ?: INTERVAL_MIN_USEC;
        if (resolver->interval_usec > INTERVAL_MAX_USEC)
                resolver->interval_usec = INTERVAL_MAX_USEC;
        r = log_errno_origin(
                sd_event_source_set_time_relative(resolver->retry_timer, resolver->interval_usec));
        if (r >= 0)
                r = log_errno_origin(
                        sd_event_source_set_enabled(resolver->retry_timer, SD_EVENT_ONESHOT));
        if (r < 0)
                log_error("Failed to schedule a retry for missing users and groups: %s",
                          strerror(-r));
}

static int on_retry_timer(sd_event_source *timer _unused_, uint64_t usec _unused_, void *userdata)
{
        GrantNameResolver *resolver = userdata;
        ResolvedName *name;

        SLIST_FOREACH(name, &resolver->names, entry)
                if (name->result.r <= 0 && !name->in_lookup)
                        start_lookup(resolver, name);
        schedule_retry(resolver);
        return 0;
}

static void on_lookup_result(bool is_group, const char *text, NssResult result, void *userdata)
{
        GrantNameResolver *resolver = userdata;
        ResolvedName *name = find_resolved_name(&resolver->names, is_group, text);
        bool same;

        if (!name)
                return;
        same = name->result.r == result.r && name->result.id == result.id;
        name->in_lookup = false;
        name->result = result;
        schedule_retry(resolver);
        if (!same)
                resolver->changed(resolver->userdata);
}

int grant_name_resolver_new(sd_event *event, GrantNameResolverFunc changed, void *userdata,
                            GrantNameResolver **ret)
{
        _cleanup_(grant_name_resolver_freep) GrantNameResolver *resolver =
                calloc(1, sizeof(GrantNameResolver));
        int r;

        if (!resolver)
                return -ENOMEM;
        resolver->changed = changed;
        resolver->userdata = userdata;
        r = nss_lookup_pool_new(event, on_lookup_result, resolver, &resolver->lookups);
        if (r >= 0)
                r = log_errno_origin(sd_event_add_time_relative(event, &resolver->retry_timer,
                                                                CLOCK_MONOTONIC, 0, 0,
                                                                on_retry_timer, resolver));
        if (r >= 0)
                r = log_errno_origin(
                        sd_event_source_set_enabled(resolver->retry_timer, SD_EVENT_OFF));
        if (r < 0)
                return r;
        *ret = TAKE_PTR(resolver);
        return 0;
}

GrantNameResolver *grant_name_resolver_free(GrantNameResolver *resolver)
{
        if (!resolver)
                return NULL;
        sd_event_source_disable_unref(resolver->retry_timer);
        nss_lookup_pool_free(resolver->lookups);
        resolved_name_list_clear(&resolver->names);
        free(resolver);
        return NULL;
}

/* Looks up known names first: a database that is slow to report missing names
 * must not lock out existing users. */
static void start_lookups(GrantNameResolver *resolver, const ResolvedNameList *before)
{
        for (int found = 1; found >= 0; found--) {
                ResolvedName *name;

                SLIST_FOREACH(name, &resolver->names, entry) {
                        const ResolvedName *old =
                                find_resolved_name(before, name->is_group, name->name);

                        if ((old && old->result.r > 0) == found)
                                start_lookup(resolver, name);
                }
        }
}

int grant_name_resolver_start(GrantNameResolver *resolver, const GrantList *grants)
{
        _cleanup_(resolved_name_list_clear) ResolvedNameList before = {};
        ResolvedNameList wanted;
        int r;

        r = list_names(grants, &wanted);
        if (r < 0)
                return r;
        nss_lookup_pool_cancel(resolver->lookups);
        (void) sd_event_source_set_enabled(resolver->retry_timer, SD_EVENT_OFF);
        resolver->interval_usec = 0;
        before = resolver->names;
        resolver->names = wanted;
        start_lookups(resolver, &before);
        schedule_retry(resolver);
        return 0;
}

bool grant_name_resolver_is_done(const GrantNameResolver *resolver)
{
        const ResolvedName *name;

        SLIST_FOREACH(name, &resolver->names, entry)
                if (name->result.r == -EINPROGRESS)
                        return false;
        return true;
}

void grant_name_resolver_wait(GrantNameResolver *resolver, uint64_t timeout_ms)
{
        uint64_t deadline_ms = monotonic_ms() + timeout_ms;

        while (!grant_name_resolver_is_done(resolver)) {
                uint64_t now_ms = monotonic_ms();

                if (now_ms >= deadline_ms)
                        return;
                nss_lookup_pool_wait(resolver->lookups, deadline_ms - now_ms);
        }
}

/* Findings */

static const char *kind_of(const GrantName *name)
{
        return name->is_group ? "group" : "user";
}

static void record_found(const Grant *grant, const GrantName *name)
{
        char text[512];

        (void) snprintf(text, sizeof(text), "%s: %s %s resolves to %cid %u", name->place,
                        kind_of(name), name->name, name->is_group ? 'g' : 'u', name->result.id);
        audit(EVENT_CONFIGURATION_FOUND, .tenancy = grant->tenancy, .text = text);
}

static void apply_result(const GrantNameResolver *resolver, const Grant *grant, GrantName *name,
                         bool record)
{
        const ResolvedName *resolved =
                find_resolved_name(&resolver->names, name->is_group, name->name);
        bool was_found = name->result.r > 0;

        if (!resolved || resolved->result.r == -EINPROGRESS)
                return;
        name->result = resolved->result;
        if (record && !was_found && name->result.r > 0)
                record_found(grant, name);
}

void grant_name_resolver_apply(const GrantNameResolver *resolver, GrantList *grants, bool record)
{
        for (size_t i = 0; i < grants->n_grants; i++)
                for (size_t j = 0; j < grants->grants[i]->n_names; j++)
                        apply_result(resolver, grants->grants[i], &grants->grants[i]->names[j],
                                     record);
}

static char *describe_unresolved(const Grant *grant, const GrantName *name)
{
        const char *kind = kind_of(name);
        char *text;
        int n;

        if (name->result.r == 0)
                n = asprintf(&text, "No such %s: %s; grant %s ignores the name", kind, name->name,
                             grant->name);
        else if (name->result.r == -EINPROGRESS)
                n = asprintf(&text,
                             "The lookup of %s %s has not finished; grant %s ignores the name "
                             "until then",
                             kind, name->name, grant->name);
        else
                n = asprintf(&text,
                             "Failed to look up %s %s in the user database: %s; grant %s ignores "
                             "the name",
                             kind, name->name, strerror(-name->result.r), grant->name);
        return n < 0 ? NULL : text;
}

static int diagnose_name(const Grant *grant, const GrantName *name, FindingList *list)
{
        _cleanup_(freep) char *text = describe_unresolved(grant, name), *advice = NULL;
        const char *command = name->is_group ? "groupadd --system" : "useradd --system";

        if (!text)
                return -ENOMEM;
        if (asprintf(&advice,
                     "correct or remove the name, or create the %s, for example by %s %s; no "
                     "reload is needed",
                     kind_of(name), command, name->name) < 0) {
                advice = NULL;
                return -ENOMEM;
        }
        return finding_add(list, .kind = kind_of(name), .tenancy = grant->tenancy,
                           .name = name->name, .place = name->place, .text = text,
                           .advice = advice);
}

int grant_name_resolver_diagnose(const GrantList *grants, FindingList *list)
{
        int r = 0;

        for (size_t i = 0; i < grants->n_grants; i++) {
                const Grant *grant = grants->grants[i];

                for (size_t j = 0; r == 0 && j < grant->n_names; j++)
                        if (grant->names[j].result.r <= 0)
                                r = diagnose_name(grant, &grant->names[j], list);
        }
        return r;
}
