/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * probe SECONDS CALL…
 *
 * Makes these calls in turn, one at a time, and prints a JSON object with count, failures, p50, p99
 * and maximum in microseconds of each.
 */

#include <err.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/macro.h"
#include "tests/load/calls.h"

#define CALLS_MAX   8
#define SAMPLES_MAX 200000U
/* A call that takes longer counts as failed. */
#define TIMEOUT_US (20U * 1000U * 1000U)

typedef struct Samples {
        double us[SAMPLES_MAX];
        unsigned n;
        unsigned n_failed;
} Samples;

static int compare(const void *a, const void *b)
{
        const double x = *(const double *) a, y = *(const double *) b;

        return (x > y) - (x < y);
}

static void measure(sd_bus *bus, const char *name, Samples *samples)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = call_new(bus, name);
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        double begin = now_s();

        if (sd_bus_call(bus, m, TIMEOUT_US, &error, NULL) < 0) {
                if (samples->n_failed++ == 0)
                        warnx("%s failed: %s: %s", name, error.name, error.message);
        }
        samples->us[samples->n++] = (now_s() - begin) * 1e6;
}

static void print(const char *name, Samples *samples, bool last)
{
        unsigned n = samples->n;

        qsort(samples->us, n, sizeof(double), compare);
        printf("\"%s\": {\"n\": %u, \"failed\": %u, \"p50\": %.0f, \"p99\": %.0f, \"max\": %.0f}%s",
               name, n, samples->n_failed, n ? samples->us[n / 2] : 0,
               n ? samples->us[n * 99 / 100] : 0, n ? samples->us[n - 1] : 0, last ? "}\n" : ", ");
}

int main(int argc, char *argv[])
{
        static Samples samples[CALLS_MAX];
        int n = argc - 2;
        sd_bus *bus;
        double end;

        if (n < 1 || n > CALLS_MAX)
                errx(EXIT_FAILURE, "usage: probe SECONDS CALL…");
        bus = connect_bus();
        end = now_s() + atof(argv[1]);
        while (now_s() < end && samples[0].n < SAMPLES_MAX)
                for (int i = 0; i < n; i++)
                        measure(bus, argv[i + 2], &samples[i]);
        putchar('{');
        for (int i = 0; i < n; i++)
                print(argv[i + 2], &samples[i], i == n - 1);
        sd_bus_close_unref(bus);
        return fflush(stdout) < 0;
}
