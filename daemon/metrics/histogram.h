/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

#include "daemon/metrics/report.h"

/* Durations, in fixed buckets: upper bound in microseconds, and the label. */
#define HISTOGRAM_BUCKETS(X) \
        X(1000, "0.001") \
        X(2500, "0.0025") \
        X(5000, "0.005") \
        X(10000, "0.01") \
        X(25000, "0.025") \
        X(50000, "0.05") \
        X(100000, "0.1") \
        X(250000, "0.25") \
        X(500000, "0.5") \
        X(1000000, "1") \
        X(2500000, "2.5") \
        X(5000000, "5") \
        X(10000000, "10") \
        X(30000000, "30") \
        X(UINT64_MAX, "+Inf")

enum {
#define X(bound_us, label) +1
        HISTOGRAM_N_BUCKETS = HISTOGRAM_BUCKETS(X),
#undef X
};

/* Zero-initialised, it is empty. */
typedef struct Histogram {
        uint64_t n[HISTOGRAM_N_BUCKETS]; /* each without the buckets below */
        uint64_t sum_us;
} Histogram;

void histogram_add(Histogram *histogram, uint64_t us);
/* Adds its samples to the report, also if it is empty. */
void histogram_report(const Histogram *histogram, MetricsReport *report, MetricId id,
                      const char *const labels[static METRIC_LABELS_MAX]);
