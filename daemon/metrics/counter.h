/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

#include "daemon/metrics/report.h"

/* Counters of the process without labels. For the event loop's thread. */
typedef enum Counter {
        COUNTER_MESSAGES_REFUSED,
        COUNTER_SUBSCRIPTIONS_LOST,
        COUNTER_RECORDS_SUPPRESSED,
        COUNTER_RECORDS_LOST,
        N_COUNTERS,
} Counter;

extern uint64_t counters[N_COUNTERS];

static inline void counter_add(Counter counter, uint64_t n)
{
        counters[counter] += n;
}

void counters_report(MetricsReport *report);
