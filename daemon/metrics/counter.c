/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/metrics/counter.h"

uint64_t counters[N_COUNTERS];

void counters_report(MetricsReport *report)
{
        static const MetricId metrics[] = {
                [COUNTER_MESSAGES_REFUSED] = METRIC_MESSAGES_REFUSED,
                [COUNTER_SUBSCRIPTIONS_LOST] = METRIC_SUBSCRIPTIONS_LOST,
                [COUNTER_RECORDS_SUPPRESSED] = METRIC_RECORDS_SUPPRESSED,
                [COUNTER_RECORDS_LOST] = METRIC_RECORDS_LOST,
        };

        for (unsigned i = 0; i < N_COUNTERS; i++)
                metrics_report_add(report, metrics[i], counters[i]);
}
