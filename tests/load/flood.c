/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * flood CALL CONNECTIONS SECONDS read|lazy [IN_FLIGHT]
 *
 * Calls the daemon as fast as it can on some connections. A reading one keeps 64 calls in flight on
 * each, or IN_FLIGHT; a lazy one never reads a reply. Prints "ready" after the first calls, and at
 * the end how many calls were sent, answered and refused.
 */

#include <err.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/macro.h"
#include "tests/load/calls.h"
#include "tests/load/samples.h"

#define CONNECTIONS_MAX 64U

typedef struct Flooder {
        sd_bus *bus;
        sd_bus_message *call; /* sent again and again */
        unsigned in_flight;
} Flooder;

static const char *call_name;
static unsigned in_flight_max = 64; /* per connection */
static unsigned long n_sent, n_answered, n_refused;

static int on_reply(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_)
{
        Flooder *flooder = userdata;

        flooder->in_flight--;
        n_answered++;
        if (sd_bus_message_is_method_error(m, NULL) > 0 && n_refused++ == 0)
                warnx("%s was refused: %s", call_name, sd_bus_message_get_error(m)->message);
        return 0;
}

/* Returns whether there was something to do. */
static bool flood_reading(Flooder *flooder)
{
        bool busy = flooder->in_flight < in_flight_max;
        int r;

        while (flooder->in_flight < in_flight_max) {
                _cleanup_(sd_bus_message_unrefp) sd_bus_message *m =
                        call_new(flooder->bus, call_name);

                r = sd_bus_call_async(flooder->bus, NULL, m, on_reply, flooder, UINT64_MAX);
                if (r < 0)
                        return false;
                flooder->in_flight++;
                n_sent++;
        }
        while ((r = sd_bus_process(flooder->bus, NULL)) > 0)
                busy = true;
        return busy;
}

/* A call that does not fit into the socket waits in the connection's queue; sd_bus_get_events()
 * tells. */
static bool flood_lazily(Flooder *flooder)
{
        struct pollfd pfd = {.fd = sd_bus_get_fd(flooder->bus), .events = POLLOUT};

        if (poll(&pfd, 1, 0) <= 0 || !(pfd.revents & POLLOUT))
                return false;
        for (unsigned i = 0; i < 16; i++) {
                _cleanup_(sd_bus_message_unrefp) sd_bus_message *m =
                        call_new(flooder->bus, call_name);

                uint64_t cookie; /* without it the call would expect no reply */

                if (sd_bus_send(flooder->bus, m, &cookie) < 0)
                        return false;
                n_sent++;
                if (sd_bus_get_events(flooder->bus) & POLLOUT)
                        return true;
        }
        return true;
}

static void open_all(Flooder *flooders, unsigned n)
{
        for (unsigned i = 0; i < n; i++) {
                flooders[i].bus = connect_bus();
                check(sd_bus_get_unique_name(flooders[i].bus, &(const char *){NULL}),
                      "say hello to the bus");
        }
}

static void wait_for_any(Flooder *flooders, unsigned n, bool reads)
{
        struct pollfd pfds[CONNECTIONS_MAX];

        for (unsigned i = 0; i < n; i++)
                pfds[i] = (struct pollfd){
                        .fd = sd_bus_get_fd(flooders[i].bus),
                        .events = (short) (reads ? sd_bus_get_events(flooders[i].bus) : POLLOUT),
                };
        (void) poll(pfds, n, 100);
}

int main(int argc, char *argv[])
{
        Flooder flooders[CONNECTIONS_MAX] = {};
        unsigned n;
        double end;
        bool reads;

        if (argc != 5 && argc != 6)
                errx(EXIT_FAILURE, "usage: flood CALL CONNECTIONS SECONDS read|lazy [IN_FLIGHT]");
        if (argc == 6)
                in_flight_max = (unsigned) atoi(argv[5]);
        call_name = argv[1];
        n = (unsigned) atoi(argv[2]);
        reads = streq(argv[4], "read");
        if (n < 1 || n > CONNECTIONS_MAX)
                errx(EXIT_FAILURE, "CONNECTIONS must be 1 to %u", CONNECTIONS_MAX);

        /* Whatever the daemon and the bus do, the flood ends. */
        alarm((unsigned) atoi(argv[3]) + 30);
        open_all(flooders, n);
        puts("ready");
        (void) fflush(stdout);
        end = now_s() + atof(argv[3]);
        while (now_s() < end) {
                bool busy = false;

                for (unsigned i = 0; i < n; i++)
                        busy |= reads ? flood_reading(&flooders[i]) : flood_lazily(&flooders[i]);
                if (!busy)
                        wait_for_any(flooders, n, reads);
        }
        printf("{\"sent\": %lu, \"answered\": %lu, \"refused\": %lu}\n", n_sent, n_answered,
               n_refused);
        return fflush(stdout) < 0;
}
