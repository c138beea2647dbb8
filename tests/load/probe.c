/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * probe SECONDS CALL…
 *
 * Makes these calls in turn, one at a time, with a pause of $PASSLOCK_LOAD_PAUSE_US after each
 * round, for SECONDS or for $PASSLOCK_LOAD_ROUNDS rounds, and prints a JSON object with count,
 * failures, p50, p99 and maximum in microseconds of each.
 */

#include <err.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/macro.h"
#include "tests/load/calls.h"
#include "tests/load/samples.h"

#define CALLS_MAX 8
/* A call that takes longer counts as failed. */
#define TIMEOUT_US (20U * 1000U * 1000U)

static void measure(sd_bus *bus, const char *name, Samples *samples)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = call_new(bus, name);
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        double begin = now_s();
        int r;

        r = sd_bus_call(bus, m, TIMEOUT_US, &error, NULL);
        if (r < 0 && samples->n_failed == 0)
                warnx("%s failed: %s: %s", name, error.name, error.message);
        samples_add(samples, (now_s() - begin) * 1e6, r < 0);
}

int main(int argc, char *argv[])
{
        Samples samples[CALLS_MAX] = {};
        const char *pause_us = getenv("PASSLOCK_LOAD_PAUSE_US");
        const char *rounds = getenv("PASSLOCK_LOAD_ROUNDS");
        unsigned long n_left = rounds ? strtoul(rounds, NULL, 10) : ULONG_MAX;
        int n = argc - 2;
        sd_bus *bus;
        double end;

        if (n < 1 || n > CALLS_MAX)
                errx(EXIT_FAILURE, "usage: probe SECONDS CALL…");
        bus = connect_bus();
        end = now_s() + atof(argv[1]);
        while (now_s() < end && n_left-- > 0) {
                for (int i = 0; i < n; i++)
                        measure(bus, argv[i + 2], &samples[i]);
                if (pause_us)
                        usleep((useconds_t) atoi(pause_us));
        }
        for (int i = 0; i < n; i++) {
                printf("%s\"%s\": {", i == 0 ? "{" : ", ", argv[i + 2]);
                samples_print(&samples[i], stdout);
                putchar('}');
                samples_clear(&samples[i]);
        }
        puts("}");
        sd_bus_close_unref(bus);
        return fflush(stdout) < 0;
}
