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

typedef struct Name {
        struct Name *next;
        bool is_group;
        bool asked; /* and not answered since */
        char *name;
        NameAnswer answer; /* the last one */
} Name;

struct Names {
        Lookups *lookups;
        NamesFunc changed;
        void *userdata;
        Name *names;
        sd_event_source *timer; /* on while a name is missing that is not being asked for */
        uint64_t interval_usec;
};

static Name *name_free(Name *name)
{
        if (!name)
                return NULL;
        free(name->name);
        free(name);
        return NULL;
}
DEFINE_CLEANUP(Name *, name_free);

static Name *list_free(Name *names)
{
        while (names) {
                Name *name = names;

                names = name->next;
                name_free(name);
        }
        return NULL;
}
DEFINE_CLEANUP(Name *, list_free);

static Name *find(Name *names, bool is_group, const char *name)
{
        for (; names; names = names->next)
                if (names->is_group == is_group && streq(names->name, name))
                        return names;
        return NULL;
}

/* Adds a name that is not in the list yet. */
static int add(Name **names, bool is_group, const char *text)
{
        _cleanup_(name_freep) Name *name = NULL;

        if (find(*names, is_group, text))
                return 0;
        name = calloc(1, sizeof(Name));
        if (!name)
                return -ENOMEM;
        name->is_group = is_group;
        name->answer = NAME_ANSWER_PENDING;
        name->name = strdup(text);
        if (!name->name)
                return -ENOMEM;
        name->next = *names;
        *names = TAKE_PTR(name);
        return 0;
}

static int list_names(const GrantList *grants, Name **ret)
{
        _cleanup_(list_freep) Name *names = NULL;
        int r;

        for (size_t i = 0; i < grants->n_grants; i++) {
                const Grant *grant = grants->grants[i];

                for (size_t j = 0; j < grant->n_names; j++) {
                        r = add(&names, grant->names[j].is_group, grant->names[j].name);
                        if (r < 0)
                                return r;
                }
        }
        *ret = TAKE_PTR(names);
        return 0;
}

static void ask(Names *names, Name *name)
{
        if (lookups_ask(names->lookups, name->is_group, name->name) >= 0)
                name->asked = true;
        else
                name->answer.r = -ENOMEM;
}

/* What is missing is asked for again after a while. */
static void schedule(Names *names)
{
        bool missing = false;
        int r;

        for (const Name *name = names->names; name; name = name->next)
                missing = missing || (name->answer.r <= 0 && !name->asked);
        if (!missing || sd_event_source_get_enabled(names->timer, NULL) > 0)
                return;
        names->interval_usec = names->interval_usec * 2 ?: INTERVAL_MIN_USEC;
        if (names->interval_usec > INTERVAL_MAX_USEC)
                names->interval_usec = INTERVAL_MAX_USEC;
        r = sd_event_source_set_time_relative(names->timer, names->interval_usec);
        if (r >= 0)
                r = sd_event_source_set_enabled(names->timer, SD_EVENT_ONESHOT);
        if (r < 0)
                log_error("Failed to wait for missing users and groups: %s", strerror(-r));
}

static int on_time(sd_event_source *timer _unused_, uint64_t usec _unused_, void *userdata)
{
        Names *names = userdata;

        for (Name *name = names->names; name; name = name->next)
                if (name->answer.r <= 0 && !name->asked)
                        ask(names, name);
        schedule(names);
        return 0;
}

static void on_answer(bool is_group, const char *text, NameAnswer answer, void *userdata)
{
        Names *names = userdata;
        Name *name = find(names->names, is_group, text);
        bool same;

        if (!name)
                return;
        same = name->answer.r == answer.r && name->answer.id == answer.id;
        name->asked = false;
        name->answer = answer;
        schedule(names);
        if (!same)
                names->changed(names->userdata);
}

int names_new(sd_event *event, NamesFunc changed, void *userdata, Names **ret)
{
        _cleanup_(names_freep) Names *names = calloc(1, sizeof(Names));
        int r;

        if (!names)
                return -ENOMEM;
        names->changed = changed;
        names->userdata = userdata;
        r = lookups_new(event, on_answer, names, &names->lookups);
        if (r >= 0)
                r = sd_event_add_time_relative(event, &names->timer, CLOCK_MONOTONIC, 0, 0, on_time,
                                               names);
        if (r >= 0)
                r = sd_event_source_set_enabled(names->timer, SD_EVENT_OFF);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(names);
        return 0;
}

Names *names_free(Names *names)
{
        if (!names)
                return NULL;
        sd_event_source_disable_unref(names->timer);
        lookups_free(names->lookups);
        list_free(names->names);
        free(names);
        return NULL;
}

int names_look_up(Names *names, const GrantList *grants)
{
        _cleanup_(list_freep) Name *before = NULL;
        Name *wanted;
        int r;

        r = list_names(grants, &wanted);
        if (r < 0)
                return r;
        lookups_cancel(names->lookups);
        (void) sd_event_source_set_enabled(names->timer, SD_EVENT_OFF);
        names->interval_usec = 0;
        before = names->names;
        names->names = wanted;

        /* First what was there: a database that is slow to say what is not keeps nobody out. */
        for (int was_there = 1; was_there >= 0; was_there--)
                for (Name *name = names->names; name; name = name->next) {
                        const Name *old = find(before, name->is_group, name->name);

                        if ((old && old->answer.r > 0) == was_there)
                                ask(names, name);
                }
        schedule(names);
        return 0;
}

bool names_are_answered(const Names *names)
{
        for (const Name *name = names->names; name; name = name->next)
                if (name->answer.r == -EINPROGRESS)
                        return false;
        return true;
}

void names_wait(Names *names, uint64_t timeout_ms)
{
        uint64_t deadline_ms = monotonic_ms() + timeout_ms;

        while (!names_are_answered(names)) {
                uint64_t now_ms = monotonic_ms();

                if (now_ms >= deadline_ms)
                        return;
                lookups_wait(names->lookups, deadline_ms - now_ms);
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

void names_tell(const Names *names, GrantList *grants, bool record)
{
        for (size_t i = 0; i < grants->n_grants; i++) {
                Grant *grant = grants->grants[i];

                for (size_t j = 0; j < grant->n_names; j++) {
                        GrantName *mine = &grant->names[j];
                        const Name *known = find(names->names, mine->is_group, mine->name);
                        bool was_there = mine->answer.r > 0;

                        if (!known || known->answer.r == -EINPROGRESS)
                                continue;
                        mine->answer = known->answer;
                        if (record && !was_there && mine->answer.r > 0)
                                record_found(grant, mine);
                }
        }
}

static char *describe(const Grant *grant, const GrantName *name)
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

static int find_name(const Grant *grant, const GrantName *name, FindingList *list)
{
        _cleanup_(freep) char *text = describe(grant, name), *advice = NULL;
        const char *add = name->is_group ? "groupadd --system" : "useradd --system";

        if (!text)
                return -ENOMEM;
        if (asprintf(&advice,
                     "mend or remove it, or have the %s made, such as by %s %s: it is found by "
                     "itself",
                     kind_of(name), add, name->name) < 0) {
                advice = NULL;
                return -ENOMEM;
        }
        return finding_add(list, .kind = kind_of(name), .tenancy = grant->tenancy,
                           .name = name->name, .place = name->place, .text = text,
                           .advice = advice);
}

int names_find(const GrantList *grants, FindingList *list)
{
        for (size_t i = 0; i < grants->n_grants; i++) {
                const Grant *grant = grants->grants[i];

                for (size_t j = 0; j < grant->n_names; j++) {
                        int r = grant->names[j].answer.r > 0
                                        ? 0
                                        : find_name(grant, &grant->names[j], list);

                        if (r < 0)
                                return r;
                }
        }
        return 0;
}
