/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

#include "daemon/metrics/report.h"
#include "dbus/error.h"

/* Results, counted by the label `outcome`: 0, an Error or a negative errno; -ECANCELED if there was
 * none. */
#define OUTCOMES ((unsigned) ERROR_MAX + 4U)

/* Zero-initialised, all are 0. */
typedef struct OutcomeCounts {
        uint64_t n[OUTCOMES];
} OutcomeCounts;

void outcome_counts_add(OutcomeCounts *counts, int r);
/* Adds a sample for each outcome that has occurred. labels[place] becomes its name. */
void outcome_counts_report(const OutcomeCounts *counts, MetricsReport *report, MetricId id,
                           const char *labels[static METRIC_LABELS_MAX], unsigned place);
