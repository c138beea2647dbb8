/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/metrics/metric.h"

static const Metric table[] = {
#define X(id, name, type, labels, help) [METRIC_##id] = {name, METRIC_##type, labels, help},
        METRIC_TABLE(X)
#undef X
};

const Metric *metric_get(MetricId id)
{
        return &table[id];
}

const char *metric_type_name(MetricType type)
{
        static const char *const names[] = {
                [METRIC_COUNTER] = "counter",
                [METRIC_GAUGE] = "gauge",
                [METRIC_HISTOGRAM] = "histogram",
        };

        return names[type];
}
