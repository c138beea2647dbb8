/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <sys/param.h>

#include "daemon/api/api-breaker.h"

/* The breaker opens after so many failures in a row, over so much time: retries bridge a restart of
 * the server. */
#define FAILURES_MAX 5U
#define FAILING_MS   1000U

/* An attempt without a reply for so long is a timeout, or counts as FAILURES_MAX. */
#define WAIT_MS      1000U
#define LONG_WAIT_MS 5000U

/* A Retry-After beyond that is not believed: one of a probe, and one of a single endpoint. */
#define RETRY_AFTER_MAX_S          300U
#define RETRY_AFTER_ENDPOINT_MAX_S 30U
/* Pause between probes that a rate limit refuses without a Retry-After. */
#define RATE_LIMIT_PAUSE_S 5U

/* A call pays for two tenths of a retry; so many retries may be saved up. */
#define TENTHS_PER_RETRY 10U
#define TENTHS_PER_CALL  2U
#define RETRIES_MAX      50U

static uint64_t retry_at_ms(const ApiAttempt *attempt, uint64_t now_ms)
{
        uint32_t max_s = attempt->is_probe ? RETRY_AFTER_MAX_S : RETRY_AFTER_ENDPOINT_MAX_S;
        uint32_t pause_s = MIN(attempt->retry_after_s, max_s);

        if (attempt->status == 429 && pause_s == 0)
                pause_s = RATE_LIMIT_PAUSE_S;
        return attempt->status > 0 && pause_s > 0 ? now_ms + pause_s * UINT64_C(1000) : 0;
}

/* A rate limit that refuses a probe leaves the tenancy degraded, and delays the next probe. */
static void record_success(ApiBreaker *breaker, const ApiAttempt *attempt, uint64_t now_ms)
{
        breaker->open = false;
        breaker->n_failures = 0;
        breaker->probe_at_ms = attempt->is_probe ? retry_at_ms(attempt, now_ms) : 0;
        breaker->succeeded_at_ms = now_ms;
}

bool api_attempt_is_success(const ApiAttempt *attempt)
{
        return attempt->status > 0 && attempt->status < 500;
}

/* A 5xx or a lost connection may be the fault of the endpoint or of the arguments, unless the
 * server asks for a pause. */
static bool is_evidence(const ApiAttempt *attempt, uint64_t now_ms)
{
        bool timed_out = attempt->status == 0 && now_ms - attempt->started_ms >= WAIT_MS;

        if (attempt->gave_up)
                return false;
        return attempt->is_probe || timed_out || attempt->retry_after_s > 0;
}

static void record_failure(ApiBreaker *breaker, const ApiAttempt *attempt, uint64_t now_ms)
{
        bool long_wait = !attempt->gave_up && now_ms - attempt->started_ms >= LONG_WAIT_MS;

        if (breaker->n_failures == 0 || attempt->started_ms < breaker->failing_since_ms)
                breaker->failing_since_ms = attempt->started_ms;
        breaker->n_failures += long_wait ? FAILURES_MAX : 1;
        if (breaker->probe_at_ms < retry_at_ms(attempt, now_ms))
                breaker->probe_at_ms = retry_at_ms(attempt, now_ms);
        if (is_evidence(attempt, now_ms) && breaker->n_failures >= FAILURES_MAX &&
            now_ms - breaker->failing_since_ms >= FAILING_MS)
                breaker->open = true;
}

bool api_breaker_record(ApiBreaker *breaker, const ApiAttempt *attempt, uint64_t now_ms)
{
        bool was_open = breaker->open;

        if (api_attempt_is_success(attempt))
                record_success(breaker, attempt, now_ms);
        else if (breaker->succeeded_at_ms == 0 || breaker->succeeded_at_ms < attempt->started_ms)
                record_failure(breaker, attempt, now_ms);
        return breaker->open != was_open;
}

bool api_breaker_has_doubts(const ApiBreaker *breaker)
{
        return breaker->open || breaker->n_failures >= FAILURES_MAX;
}

void api_breaker_count_call(ApiBreaker *breaker)
{
        breaker->retry_tenths = breaker->retry_tenths > TENTHS_PER_CALL
                                        ? breaker->retry_tenths - TENTHS_PER_CALL
                                        : 0;
}

bool api_breaker_take_retry(ApiBreaker *breaker)
{
        if (breaker->open ||
            breaker->retry_tenths + TENTHS_PER_RETRY > RETRIES_MAX * TENTHS_PER_RETRY)
                return false;
        breaker->retry_tenths += TENTHS_PER_RETRY;
        return true;
}

uint32_t api_breaker_retry_after_s(const ApiBreaker *breaker, uint64_t now_ms)
{
        return breaker->probe_at_ms > now_ms
                       ? (uint32_t) ((breaker->probe_at_ms - now_ms + 999) / 1000)
                       : 1;
}
