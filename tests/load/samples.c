/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <err.h>
#include <stdlib.h>
#include <time.h>

#include "tests/load/samples.h"

double now_s(void)
{
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}

void samples_add(Samples *samples, double us, bool failed)
{
        if (!samples->us)
                samples->us = malloc(SAMPLES_MAX * sizeof(double));
        if (!samples->us)
                errx(EXIT_FAILURE, "Failed to allocate samples");
        if (samples->n < SAMPLES_MAX)
                samples->us[samples->n] = us;
        samples->n++;
        samples->n_failed += failed;
}

static int compare(const void *a, const void *b)
{
        const double x = *(const double *) a, y = *(const double *) b;

        return (x > y) - (x < y);
}

void samples_print(Samples *samples, FILE *f)
{
        size_t n = samples->n < SAMPLES_MAX ? samples->n : SAMPLES_MAX;

        if (n > 0)
                qsort(samples->us, n, sizeof(double), compare);
        fprintf(f, "\"n\": %lu, \"failed\": %lu, \"p50\": %.1f, \"p99\": %.1f, \"max\": %.1f",
                samples->n, samples->n_failed, n ? samples->us[n / 2] : 0,
                n ? samples->us[n * 99 / 100] : 0, n ? samples->us[n - 1] : 0);
}

void samples_clear(Samples *samples)
{
        free(samples->us);
        *samples = (Samples){};
}
