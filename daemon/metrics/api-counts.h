/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/metrics/histogram.h"
#include "daemon/metrics/outcome.h"

/* Calls to the API of a tenancy, by request. */

#define API_COUNTS_REQUESTS_MAX 16U

typedef struct ApiRequestCounts {
        const char *request; /* the name of the endpoint, static */
        OutcomeCounts outcomes;
        uint64_t n_retries;
        Histogram durations;
} ApiRequestCounts;

/* Zero-initialised, all are 0. */
typedef struct ApiCounts {
        ApiRequestCounts *requests[API_COUNTS_REQUESTS_MAX];
        Histogram connects;
        uint64_t succeeded_at_ms; /* since the epoch; 0: never */
} ApiCounts;

void api_counts_clear(ApiCounts *counts);

/* The counts of a request, by the address of its name; NULL: out of memory. */
ApiRequestCounts *api_counts_of(ApiCounts *counts, const char *request);

void api_counts_report(const ApiCounts *counts, MetricsReport *report, const char *tenancy);
