/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "daemon/metrics/outcome.h"

/* After 0 and the Errors. */
enum {
        OUTCOME_NO_MEMORY = ERROR_MAX + 1,
        OUTCOME_FAILED,
        OUTCOME_CANCELED,
};

/* As the D-Bus error of an errno, see request.c. */
static unsigned outcome_of(int r)
{
        switch (r) {
        case 0 ... ERROR_MAX:
                return (unsigned) r;
        case -ECANCELED:
                return OUTCOME_CANCELED;
        case -ENOMEM:
                return OUTCOME_NO_MEMORY;
        case -EMFILE:
        case -ENFILE:
        case -ENOBUFS:
                return ERROR_LIMITS_EXCEEDED;
        default:
                return OUTCOME_FAILED;
        }
}

static const char *outcome_name(unsigned outcome)
{
        static const char *const names[] = {
                [0] = "ok",
                [OUTCOME_NO_MEMORY] = "NoMemory",
                [OUTCOME_FAILED] = "Failed",
                [OUTCOME_CANCELED] = "Canceled",
        };

        return names[outcome] ?: strrchr(error_dbus_name((int) outcome), '.') + 1;
}

void outcome_counts_add(OutcomeCounts *counts, int r)
{
        counts->n[outcome_of(r)]++;
}

void outcome_counts_report(const OutcomeCounts *counts, MetricsReport *report, MetricId id,
                           const char *labels[static METRIC_LABELS_MAX], unsigned place)
{
        for (unsigned i = 0; i < OUTCOMES; i++) {
                if (counts->n[i] == 0)
                        continue;
                labels[place] = outcome_name(i);
                metrics_report_add_sample(
                        report, id, &(MetricSample){.suffix = "", .value = (double) counts->n[i]},
                        labels);
        }
}
