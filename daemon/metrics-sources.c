/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/clock.h"
#include "build-config.h"
#include "daemon/metrics-sources.h"
#include "daemon/metrics/counter.h"
#include "daemon/metrics/process.h"
#include "daemon/shared-store-status.h"
#include "daemon/store/store.h"

static void report_process(const MetricsSources *sources, MetricsReport *report)
{
        metrics_report_add(report, METRIC_BUILD_INFO, 1, PACKAGE_VERSION);
        metrics_report_add(report, METRIC_START_TIME, (double) sources->started_at_ms / 1000);
        process_report(report);
        metrics_report_add(report, METRIC_KEY_HOLDER, holder_is_loaded(sources->holder));
}

static void report_tenancies(const MetricsSources *sources, MetricsReport *report)
{
        size_t n;
        Tenancy *const *tenancies = tenancy_set_get(sources->tenancies, &n);

        for (size_t i = 0; i < n; i++)
                tenancy_report(tenancies[i], report);
}

static void report_state(const StoreStatus *status, MetricsReport *report)
{
        static const char *const states[] = {STORE_STATES};

        for (size_t i = 0; i < ARRAY_SIZE(states); i++)
                metrics_report_add(report, METRIC_SHARED_STATE, streq(states[i], status->state),
                                   states[i]);
}

static void report_shared(SharedStore *shared, MetricsReport *report)
{
        StoreStatus status;

        shared_store_get_status(shared, NULL, &status);
        report_state(&status, report);
        metrics_report_add(report, METRIC_SHARED_AWAY, (double) status.away_since_ms / 1000);
        metrics_report_add(report, METRIC_REPLICA_LAG, (double) status.behind_ms / 1000);
        metrics_report_add(report, METRIC_REPLICA_REVISION, status.revision);
        metrics_report_add(report, METRIC_CLUSTER_REVISION, status.cluster_revision);
        metrics_report_add(report, METRIC_SHARED_WAITING, status.n_waiting);
        metrics_report_add(report, METRIC_SHARED_OUTBOX, status.n_outbox);
        metrics_report_add(report, METRIC_SHARED_UNCONFIRMED, status.n_unconfirmed);
}

void metrics_sources_report(const MetricsSources *sources, MetricsReport *report)
{
        report_process(sources, report);
        counters_report(report);
        metrics_report_add(report, METRIC_RECORDS, audit_n_sent());
        config_loader_report(sources->loader, report);
        report_tenancies(sources, report);
        store_report(sources->store, report);
        if (sources->shared)
                report_shared(sources->shared, report);
}
