/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "daemon/metrics/call-counts.h"
#include "daemon/metrics/outcome.h"

/* A power of two, and twice the number of methods. */
#define SLOTS 128U
/* Descriptions are larger than that, and aligned. */
#define ADDRESS_SHIFT 5U

#define SOURCES (CALL_SOURCE_GRANT + CALL_GRANTS_MAX)

typedef struct MethodCounts {
        char *name; /* Interface.Member */
        OutcomeCounts *sources[SOURCES];
} MethodCounts;

/* Several descriptions may be of one method. */
typedef struct Slot {
        const void *method;
        MethodCounts *counts;
} Slot;

static Slot slots[SLOTS];
static unsigned n_slots;
static char *grants[CALL_GRANTS_MAX];
static unsigned n_grants;

unsigned call_counts_source_of_grant(const char *name)
{
        unsigned i = 0;

        while (i < n_grants && !streq(grants[i], name))
                i++;
        /* A grant of that name shares the series of further grants. */
        if (i == CALL_GRANTS_MAX || (i == n_grants && streq(name, "other")))
                return CALL_SOURCE_OTHER;
        if (i == n_grants) {
                grants[i] = strdup(name);
                if (!grants[i])
                        return CALL_SOURCE_OTHER;
                n_grants++;
        }
        return CALL_SOURCE_GRANT + i;
}

static Slot *find_slot(const void *method)
{
        unsigned i = (unsigned) ((uintptr_t) method >> ADDRESS_SHIFT) % SLOTS;

        while (slots[i].method && slots[i].method != method)
                i = (i + 1) % SLOTS;
        return &slots[i];
}

static MethodCounts *find_name(const char *name)
{
        for (unsigned i = 0; i < SLOTS; i++)
                if (slots[i].counts && streq(slots[i].counts->name, name))
                        return slots[i].counts;
        return NULL;
}

static MethodCounts *counts_new(const char *name)
{
        MethodCounts *counts = calloc(1, sizeof(MethodCounts));

        if (counts)
                counts->name = strdup(name);
        if (counts && counts->name)
                return counts;
        free(counts);
        return NULL;
}

static void fill_slot(Slot *slot, const void *method, const char *interface, const char *member)
{
        const char *dot = strrchr(interface, '.');
        MethodCounts *counts;
        char name[128];

        if (n_slots == SLOTS - 1)
                return;
        (void) snprintf(name, sizeof(name), "%s.%s", dot ? dot + 1 : interface, member);
        counts = find_name(name) ?: counts_new(name);
        if (!counts)
                return;
        *slot = (Slot){.method = method, .counts = counts};
        n_slots++;
}

/* Without memory, calls are not counted. */
void call_counts_add(const void *method, const char *interface, const char *member, unsigned source,
                     int r)
{
        Slot *slot = find_slot(method);
        OutcomeCounts **counts;

        if (!slot->method)
                fill_slot(slot, method, interface, member);
        if (!slot->counts)
                return;
        counts = &slot->counts->sources[source];
        if (!*counts)
                *counts = calloc(1, sizeof(OutcomeCounts));
        if (*counts)
                outcome_counts_add(*counts, r);
}

/* A method has the slot of its first description. */
static bool is_first(const Slot *slot)
{
        const Slot *other = slots;

        while (other->counts != slot->counts)
                other++;
        return slot->counts && other == slot;
}

static void report_method(const MethodCounts *counts, MetricsReport *report)
{
        static const char *const sources[] = {
                [CALL_SOURCE_NONE] = "none",
                [CALL_SOURCE_ROOT] = "root",
                [CALL_SOURCE_POLKIT] = "polkit",
        };
        const char *labels[METRIC_LABELS_MAX] = {counts->name};

        for (unsigned i = 0; i < SOURCES; i++) {
                bool is_grant = i >= CALL_SOURCE_OTHER;

                if (!counts->sources[i])
                        continue;
                labels[2] = is_grant ? "grant" : sources[i];
                labels[3] = i >= CALL_SOURCE_GRANT ? grants[i - CALL_SOURCE_GRANT]
                            : is_grant             ? "other"
                                                   : "";
                outcome_counts_report(counts->sources[i], report, METRIC_CALLS, labels, 1);
        }
}

void call_counts_report(MetricsReport *report)
{
        for (unsigned i = 0; i < SLOTS; i++)
                if (is_first(&slots[i]))
                        report_method(slots[i].counts, report);
}

static void counts_free(MethodCounts *counts)
{
        for (unsigned i = 0; i < SOURCES; i++)
                free(counts->sources[i]);
        free(counts->name);
        free(counts);
}

void call_counts_clear(void)
{
        /* From the end, so that the first slot is the last one with its counts. */
        for (unsigned i = SLOTS; i-- > 0;) {
                if (is_first(&slots[i]))
                        counts_free(slots[i].counts);
                slots[i] = (Slot){};
        }
        n_slots = 0;
        while (n_grants > 0)
                free(grants[--n_grants]);
}
