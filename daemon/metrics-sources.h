/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/config-loader.h"
#include "daemon/holder/holder.h"
#include "daemon/shared-store.h"
#include "daemon/tenancy-set.h"

/* Where the metrics come from, but for those of the bus. */
typedef struct MetricsSources {
        uint64_t started_at_ms; /* since the epoch */
        const ConfigLoader *loader;
        const Holder *holder;
        const TenancySet *tenancies;
        struct Store *store;
        SharedStore *shared; /* NULL: the store is of this host */
} MetricsSources;

void metrics_sources_report(const MetricsSources *sources, MetricsReport *report);
