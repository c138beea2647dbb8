/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/core/crash-recovery.h"
#include "daemon/core/delete-recovery.h"
#include "daemon/core/links.h"
#include "daemon/core/tenancy-internal.h"

static void report_state(const Tenancy *tenancy, MetricsReport *report)
{
        for (TenancyState state = TENANCY_UNCONFIGURED; state <= TENANCY_DEGRADED; state++)
                metrics_report_add(report, METRIC_TENANCY_STATE, state == tenancy->state,
                                   tenancy->label, tenancy_state_to_string(state));
}

static void report_api(const Tenancy *tenancy, MetricsReport *report)
{
        const char *label = tenancy->label;

        metrics_report_add(report, METRIC_API_IN_FLIGHT, api_n_calls(tenancy->api), label);
        metrics_report_add(report, METRIC_API_BREAKER, api_is_down(tenancy->api), label);
        metrics_report_add(report, METRIC_API_KEY, (double) tenancy->key_since_ms / 1000, label);
        api_counts_report(&tenancy->api_counts, report, label);
}

void tenancy_report(Tenancy *tenancy, MetricsReport *report)
{
        const char *label = tenancy->label;
        uint64_t n_links;

        if (!tenancy->api)
                return;
        report_state(tenancy, report);
        report_api(tenancy, report);
        if (links_count(tenancy, &n_links) == 0)
                metrics_report_add(report, METRIC_LINKS, n_links, label);
        metrics_report_add(report, METRIC_UNFINISHED_EXCHANGES,
                           crash_recovery_n_unfinished(tenancy->crash_recovery), label);
        metrics_report_add(report, METRIC_UNFINISHED_DELETES,
                           delete_recovery_n_unfinished(tenancy->delete_recovery), label);
}
