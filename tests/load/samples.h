/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Latencies of calls, and their percentiles. */

#include <stdbool.h>
#include <stdio.h>

/* By the monotonic clock. */
double now_s(void);

#define SAMPLES_MAX 400000U

typedef struct Samples {
        double *us; /* the first SAMPLES_MAX calls */
        unsigned long n, n_failed;
} Samples;

/* Exits if memory is short. */
void samples_add(Samples *samples, double us, bool failed);

/* Sorts the samples, and prints "n", "failed", "p50", "p99" and "max" in microseconds, as members
 * of a JSON object. */
void samples_print(Samples *samples, FILE *f);

void samples_clear(Samples *samples);
