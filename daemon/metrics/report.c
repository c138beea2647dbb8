/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "daemon/metrics/report.h"

static void sample_clear(MetricSample *sample)
{
        for (unsigned i = 0; i < METRIC_LABELS_MAX; i++)
                free(sample->labels[i]);
}

void metrics_report_clear(MetricsReport *report)
{
        for (unsigned id = 0; id < N_METRICS; id++) {
                MetricSamples *all = &report->metrics[id];

                for (size_t i = 0; i < all->n_samples; i++)
                        sample_clear(&all->samples[i]);
                free(all->samples);
        }
        *report = (MetricsReport){};
}

/* The array has a power of two of samples, or is full. */
static int grow(MetricSamples *all)
{
        size_t n = all->n_samples ? all->n_samples * 2 : 1;
        MetricSample *samples;

        if (all->n_samples & (all->n_samples - 1))
                return 0;
        samples = reallocarray(all->samples, n, sizeof(MetricSample));
        if (!samples)
                return -ENOMEM;
        all->samples = samples;
        return 0;
}

void metrics_report_add_sample(MetricsReport *report, MetricId id, const MetricSample *sample,
                               const char *const labels[static METRIC_LABELS_MAX])
{
        MetricSamples *all = &report->metrics[id];
        MetricSample copy = *sample;
        bool ok = report->r == 0 && grow(all) == 0;

        for (unsigned i = 0; ok && i < METRIC_LABELS_MAX && labels[i]; i++) {
                copy.labels[i] = strdup(labels[i]);
                ok = copy.labels[i];
        }
        if (ok) {
                all->samples[all->n_samples++] = copy;
                return;
        }
        sample_clear(&copy);
        report->r = -ENOMEM;
}
