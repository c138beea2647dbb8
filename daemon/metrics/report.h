/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/metrics/metric.h"

/* The values of all metrics at one time, collected in any order. */

typedef struct MetricSample {
        const char
                *suffix; /* of the name, static: "", or _bucket, _sum and _count of a histogram */
        const char *le;  /* the label of a bucket, static; NULL: none */
        char *labels[METRIC_LABELS_MAX]; /* values, in the order of the names */
        double value;
} MetricSample;

typedef struct MetricSamples {
        MetricSample *samples;
        size_t n_samples;
} MetricSamples;

/* Zero-initialised, it is empty. */
typedef struct MetricsReport {
        MetricSamples metrics[N_METRICS];
        int r; /* -ENOMEM after a failure */
} MetricsReport;

void metrics_report_clear(MetricsReport *report);

/* Copies the label values, one for each name in the table. A failure is in `r`. */
#define metrics_report_add(report, id, number, ...) \
        metrics_report_add_sample((report), (id), \
                                  &(MetricSample){.suffix = "", .value = (double) (number)}, \
                                  (const char *const[METRIC_LABELS_MAX]){__VA_ARGS__})
/* `sample` has no labels. */
void metrics_report_add_sample(MetricsReport *report, MetricId id, const MetricSample *sample,
                               const char *const labels[static METRIC_LABELS_MAX]);
