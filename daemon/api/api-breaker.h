/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/*
 * The circuit breaker of a server: after a few failures in a row it is open, and calls fail at once
 * instead of waiting for their deadlines. Probes, see api_probe(), find out when the server is
 * back.
 *
 * A failure is an attempt without a reply, or with a 5xx. Failures that take no time open the
 * breaker only together with a probe, since a single endpoint may be broken. A failure does not
 * count if another attempt succeeded while it was under way.
 *
 * Times are by monotonic_ms(). Zero-initialised, the breaker is closed.
 */
typedef struct ApiBreaker {
        bool open;
        unsigned n_failures;       /* in a row */
        uint64_t failing_since_ms; /* start of the first of them */
        uint64_t succeeded_at_ms;  /* end of the last success */
        uint64_t probe_at_ms;      /* no probe earlier, because of Retry-After */
        uint32_t retry_tenths;     /* of the retry budget, used up */
} ApiBreaker;

typedef struct ApiAttempt {
        uint64_t started_ms;
        unsigned status; /* HTTP status; 0: no reply */
        uint32_t retry_after_s;
        bool is_probe;
        bool gave_up; /* the caller left */
} ApiAttempt;

bool api_attempt_is_success(const ApiAttempt *attempt);
/* Whether a probe should look, because of failures that do not open the breaker. */
bool api_breaker_has_doubts(const ApiBreaker *breaker);

/* Returns whether `open` has changed. */
bool api_breaker_record(ApiBreaker *breaker, const ApiAttempt *attempt, uint64_t now_ms);

/* A call is being started: pays for a fraction of a retry. */
void api_breaker_count_call(ApiBreaker *breaker);
/* Whether a failed attempt may be retried: not while the breaker is open, and at most every fifth
 * request is a retry. Takes the retry from the budget. */
bool api_breaker_take_retry(ApiBreaker *breaker);

/* Seconds until the next probe, at least 1; for callers that are told when to retry. */
uint32_t api_breaker_retry_after_s(const ApiBreaker *breaker, uint64_t now_ms);
