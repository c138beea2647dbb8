/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/audit/audit.h"
#include "daemon/grant-name-resolver.h"
#include "daemon/nss-lookup-pool.h"

/* Until the next look for what is missing; it doubles. */
#define INTERVAL_MIN_USEC (1000U * 1000)
#define INTERVAL_MAX_USEC (5000U * 1000)

typedef struct ResolvedName {
        struct ResolvedName *next;
        bool is_group;
        bool asked; /* and not answered since */
        char *name;
        NssResult answer; /* the last one */
} ResolvedName;

struct GrantNameResolver {
        NssLookupPool *lookups;
        GrantNameResolverFunc changed;
        void *userdata;
        ResolvedName *names;
        sd_event_source *timer; /* on while a name is missing that is not being asked for */
        uint64_t interval_usec;
};

static ResolvedName *name_free(ResolvedName *name)
{
        if (!name)
                return NULL;
        free(name->name);
        free(name);
        return NULL;
}
DEFINE_CLEANUP(ResolvedName *, name_free);

static ResolvedName *list_free(ResolvedName *resolver)
{
        while (resolver) {
                ResolvedName *name = resolver;

                resolver = name->next;
                name_free(name);
        }
        return NULL;
}
DEFINE_CLEANUP(ResolvedName *, list_free);

static ResolvedName *find_resolved_name(ResolvedName *resolver, bool is_group, const char *name)
{
        for (; resolver; resolver = resolver->next)
                if (resolver->is_group == is_group && streq(resolver->name, name))
                        return resolver;
        return NULL;
}

/* Adds a name that is not in the list yet. */
static int add_name(ResolvedName **resolver, bool is_group, const char *text)
{
        _cleanup_(name_freep) ResolvedName *name = NULL;

        if (find_resolved_name(*resolver, is_group, text))
                return 0;
        name = calloc(1, sizeof(ResolvedName));
        if (!name)
                return -ENOMEM;
        name->is_group = is_group;
        name->answer = NSS_RESULT_PENDING;
        name->name = strdup(text);
        if (!name->name)
                return -ENOMEM;
        name->next = *resolver;
        *resolver = TAKE_PTR(name);
        return 0;
}

static int list_names(const GrantList *grants, ResolvedName **ret)
{
        _cleanup_(list_freep) ResolvedName *resolver = NULL;
        int r;

        for (size_t i = 0; i < grants->n_grants; i++) {
                const Grant *grant = grants->grants[i];

                for (size_t j = 0; j < grant->n_names; j++) {
                        r = add_name(&resolver, grant->names[j].is_group, grant->names[j].name);
                        if (r < 0)
                                return r;
                }
        }
        *ret = TAKE_PTR(resolver);
        return 0;
}

static void start_lookup(GrantNameResolver *resolver, ResolvedName *name)
{
        if (nss_lookup_pool_ask(resolver->lookups, name->is_group, name->name) >= 0)
                name->asked = true;
        else
                name->answer.r = -ENOMEM;
}

/* What is missing is asked for again after a while. */
static void schedule_retry(GrantNameResolver *resolver)
{
        bool missing = false;
        int r;

        for (const ResolvedName *name = resolver->names; name; name = name->next)
                missing = missing || (name->answer.r <= 0 && !name->asked);
        if (!missing || sd_event_source_get_enabled(resolver->timer, NULL) > 0)
                return;
        resolver->interval_usec = resolver->interval_usec * 2 ?: INTERVAL_MIN_USEC;
        if (resolver->interval_usec > INTERVAL_MAX_USEC)
                resolver->interval_usec = INTERVAL_MAX_USEC;
        r = sd_event_source_set_time_relative(resolver->timer, resolver->interval_usec);
        if (r >= 0)
                r = sd_event_source_set_enabled(resolver->timer, SD_EVENT_ONESHOT);
        if (r < 0)
                log_error("Failed to wait for missing users and groups: %s", strerror(-r));
}

static int on_resolver_timer(sd_event_source *timer _unused_, uint64_t usec _unused_,
                             void *userdata)
{
        GrantNameResolver *resolver = userdata;

        for (ResolvedName *name = resolver->names; name; name = name->next)
                if (name->answer.r <= 0 && !name->asked)
                        start_lookup(resolver, name);
        schedule_retry(resolver);
        return 0;
}

static void on_lookup_result(bool is_group, const char *text, NssResult answer, void *userdata)
{
        GrantNameResolver *resolver = userdata;
        ResolvedName *name = find_resolved_name(resolver->names, is_group, text);
        bool same;

        if (!name)
                return;
        same = name->answer.r == answer.r && name->answer.id == answer.id;
        name->asked = false;
        name->answer = answer;
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
                r = sd_event_add_time_relative(event, &resolver->timer, CLOCK_MONOTONIC, 0, 0,
                                               on_resolver_timer, resolver);
        if (r >= 0)
                r = sd_event_source_set_enabled(resolver->timer, SD_EVENT_OFF);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(resolver);
        return 0;
}

GrantNameResolver *grant_name_resolver_free(GrantNameResolver *resolver)
{
        if (!resolver)
                return NULL;
        sd_event_source_disable_unref(resolver->timer);
        nss_lookup_pool_free(resolver->lookups);
        list_free(resolver->names);
        free(resolver);
        return NULL;
}

int grant_name_resolver_start(GrantNameResolver *resolver, const GrantList *grants)
{
        _cleanup_(list_freep) ResolvedName *before = NULL;
        ResolvedName *wanted;
        int r;

        r = list_names(grants, &wanted);
        if (r < 0)
                return r;
        nss_lookup_pool_cancel(resolver->lookups);
        (void) sd_event_source_set_enabled(resolver->timer, SD_EVENT_OFF);
        resolver->interval_usec = 0;
        before = resolver->names;
        resolver->names = wanted;

        /* First what was there: a database that is slow to say what is not keeps nobody out. */
        for (int was_there = 1; was_there >= 0; was_there--)
                for (ResolvedName *name = resolver->names; name; name = name->next) {
                        const ResolvedName *old =
                                find_resolved_name(before, name->is_group, name->name);

                        if ((old && old->answer.r > 0) == was_there)
                                start_lookup(resolver, name);
                }
        schedule_retry(resolver);
        return 0;
}

bool grant_name_resolver_is_done(const GrantNameResolver *resolver)
{
        for (const ResolvedName *name = resolver->names; name; name = name->next)
                if (name->answer.r == -EINPROGRESS)
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

        (void) snprintf(text, sizeof(text), "%s: %s %s is %cid %u now", name->place, kind_of(name),
                        name->name, name->is_group ? 'g' : 'u', name->answer.id);
        audit(EVENT_CONFIGURATION_FOUND, .tenancy = grant->tenancy, .text = text);
}

void grant_name_resolver_apply(const GrantNameResolver *resolver, GrantList *grants, bool record)
{
        for (size_t i = 0; i < grants->n_grants; i++) {
                Grant *grant = grants->grants[i];

                for (size_t j = 0; j < grant->n_names; j++) {
                        GrantName *mine = &grant->names[j];
                        const ResolvedName *known =
                                find_resolved_name(resolver->names, mine->is_group, mine->name);
                        bool was_there = mine->answer.r > 0;

                        if (!known || known->answer.r == -EINPROGRESS)
                                continue;
                        mine->answer = known->answer;
                        if (record && !was_there && mine->answer.r > 0)
                                record_found(grant, mine);
                }
        }
}

static char *describe_unresolved(const Grant *grant, const GrantName *name)
{
        const char *kind = kind_of(name);
        char *text;
        int n;

        if (name->answer.r == 0)
                n = asprintf(&text, "There is no %s %s; grant %s matches nobody by that name", kind,
                             name->name, grant->name);
        else if (name->answer.r == -EINPROGRESS)
                n = asprintf(&text,
                             "The user database has not said yet whether there is a %s %s; until "
                             "then grant %s matches nobody by that name",
                             kind, name->name, grant->name);
        else
                n = asprintf(&text,
                             "The user database does not say whether there is a %s %s: %s; grant "
                             "%s matches nobody by that name",
                             kind, name->name, strerror(-name->answer.r), grant->name);
        return n < 0 ? NULL : text;
}

static int diagnose_name(const Grant *grant, const GrantName *name, FindingList *list)
{
        _cleanup_(freep) char *text = describe_unresolved(grant, name), *advice = NULL;
        const char *add_name = name->is_group ? "groupadd --system" : "useradd --system";

        if (!text)
                return -ENOMEM;
        if (asprintf(&advice,
                     "mend or remove it, or have the %s made, such as by %s %s: it is found by "
                     "itself",
                     kind_of(name), add_name, name->name) < 0) {
                advice = NULL;
                return -ENOMEM;
        }
        return finding_add(list, .kind = kind_of(name), .tenancy = grant->tenancy,
                           .name = name->name, .place = name->place, .text = text,
                           .advice = advice);
}

int grant_name_resolver_diagnose(const GrantList *grants, FindingList *list)
{
        for (size_t i = 0; i < grants->n_grants; i++) {
                const Grant *grant = grants->grants[i];

                for (size_t j = 0; j < grant->n_names; j++) {
                        int r = grant->names[j].answer.r > 0
                                        ? 0
                                        : diagnose_name(grant, &grant->names[j], list);

                        if (r < 0)
                                return r;
                }
        }
        return 0;
}
