/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "base/macro.h"

/* Retries with exponential back-off and jitter: runs a function at once, and after each failure
 * again after a delay that doubles up to a limit. */
typedef struct Backoff Backoff;

/* Runs from the event loop. Reports its result, now or later, by backoff_retry() or backoff_stop().
 */
typedef void (*BackoffFunc)(void *userdata);

/* Created stopped. Returns 0 or a negative errno. */
int backoff_new(sd_event *event, uint64_t first_ms, uint64_t max_ms, BackoffFunc func,
                void *userdata, Backoff **ret);
Backoff *backoff_free(Backoff *backoff);
DEFINE_CLEANUP(Backoff *, backoff_free);

/* Runs the function soon, and resets the delay. */
void backoff_start(Backoff *backoff);
/* The cause of the failure may be gone: runs the function after the shortest delay, but not before
 * the last `retry_after_s`, and only if it waits. Later delays are unchanged. After another failure
 * it cannot be hurried again, so that a flapping peer gets at most twice as many attempts. */
void backoff_hurry(Backoff *backoff);
/* The function failed: runs it after the next delay, at least `retry_after_s`. */
void backoff_retry(Backoff *backoff, uint32_t retry_after_s);
/* Stops until the next backoff_start(). */
void backoff_stop(Backoff *backoff);
/* Whether a run is scheduled. */
bool backoff_is_waiting(const Backoff *backoff);
