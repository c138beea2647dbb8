/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "base/macro.h"

/* Retries with exponential back-off and jitter: runs a function at once, and after each failure
 * again after a delay that doubles up to a limit. */
typedef struct Backoff Backoff;

/* Runs from the event loop. Must call backoff_retry() or backoff_stop(), now or later. */
typedef void (*BackoffFunc)(void *userdata);

/* Created stopped. Returns 0 or a negative errno. */
int backoff_new(sd_event *event, uint64_t first_ms, uint64_t max_ms, BackoffFunc func,
                void *userdata, Backoff **ret);
Backoff *backoff_free(Backoff *backoff);
DEFINE_CLEANUP(Backoff *, backoff_free);

/* Runs the function soon, and resets the delay. */
void backoff_start(Backoff *backoff);
/* The cause of the failure may be gone: if a retry is scheduled, runs it after the shortest delay,
 * but not before the last `retry_after_s`. Later delays are unchanged. A retry right after a
 * hurried one cannot be hurried, so that a flapping peer gets at most twice as many attempts. */
void backoff_hurry(Backoff *backoff);
/* The function failed: schedules the retry, after the next delay or `retry_after_s` if that is
 * longer. */
void backoff_retry(Backoff *backoff, uint32_t retry_after_s);
/* Stops until the next backoff_start(). */
void backoff_stop(Backoff *backoff);
/* Whether a run is scheduled. */
bool backoff_is_waiting(const Backoff *backoff);
