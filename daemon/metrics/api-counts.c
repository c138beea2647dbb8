/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/metrics/api-counts.h"

void api_counts_clear(ApiCounts *counts)
{
        for (unsigned i = 0; i < API_COUNTS_REQUESTS_MAX; i++)
                free(counts->requests[i]);
        *counts = (ApiCounts){};
}

ApiRequestCounts *api_counts_of(ApiCounts *counts, const char *request)
{
        for (unsigned i = 0; i < API_COUNTS_REQUESTS_MAX; i++) {
                ApiRequestCounts **place = &counts->requests[i];

                if (!*place) {
                        *place = calloc(1, sizeof(ApiRequestCounts));
                        if (*place)
                                (*place)->request = request;
                        return *place;
                }
                if ((*place)->request == request)
                        return *place;
        }
        return NULL;
}

static void report_request(const ApiRequestCounts *counts, MetricsReport *report,
                           const char *tenancy)
{
        const char *labels[METRIC_LABELS_MAX] = {tenancy, counts->request};

        metrics_report_add(report, METRIC_API_RETRIES, counts->n_retries, tenancy, counts->request);
        histogram_report(&counts->durations, report, METRIC_API_DURATION, labels);
        outcome_counts_report(&counts->outcomes, report, METRIC_API_CALLS, labels, 2);
}

void api_counts_report(const ApiCounts *counts, MetricsReport *report, const char *tenancy)
{
        const char *labels[METRIC_LABELS_MAX] = {tenancy};

        for (unsigned i = 0; i < API_COUNTS_REQUESTS_MAX && counts->requests[i]; i++)
                report_request(counts->requests[i], report, tenancy);
        histogram_report(&counts->connects, report, METRIC_API_CONNECT, labels);
        metrics_report_add(report, METRIC_API_SUCCESS, (double) counts->succeeded_at_ms / 1000,
                           tenancy);
}
