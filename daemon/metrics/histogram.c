/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/metrics/histogram.h"

static const uint64_t bounds_us[] = {
#define X(bound_us, label) bound_us,
        HISTOGRAM_BUCKETS(X)
#undef X
};

static const char *const bucket_labels[] = {
#define X(bound_us, label) label,
        HISTOGRAM_BUCKETS(X)
#undef X
};

void histogram_add(Histogram *histogram, uint64_t us)
{
        unsigned i = 0;

        while (us > bounds_us[i])
                i++;
        histogram->n[i]++;
        histogram->sum_us += us;
}

void histogram_report(const Histogram *histogram, MetricsReport *report, MetricId id,
                      const char *const labels[static METRIC_LABELS_MAX])
{
        MetricSample sample = {.suffix = "_bucket"};
        uint64_t n = 0;

        for (unsigned i = 0; i < HISTOGRAM_N_BUCKETS; i++) {
                n += histogram->n[i];
                sample.le = bucket_labels[i];
                sample.value = (double) n;
                metrics_report_add_sample(report, id, &sample, labels);
        }
        sample = (MetricSample){.suffix = "_sum", .value = (double) histogram->sum_us / 1e6};
        metrics_report_add_sample(report, id, &sample, labels);
        sample = (MetricSample){.suffix = "_count", .value = (double) n};
        metrics_report_add_sample(report, id, &sample, labels);
}
