/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * call-library CALL IN_FLIGHT SECONDS
 *
 * Makes calls through libpasslock: Authorize, Exchange, ExchangeUnlinked or GetUser. Keeps
 * IN_FLIGHT of them in flight, on a client for each hundred; 0 calls synchronously. After a
 * warm-up, prints latencies, calls a second and the CPU time of this process.
 */

#include <err.h>
#include <passlock.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/macro.h"
#include "tests/load/calls.h"
#include "tests/load/load-report.h"

#define CLIENTS_MAX      16U
#define CALLS_PER_CLIENT 100U

typedef struct Slot {
        passlock *client;
        double begin;
} Slot;

static LoadReport report;
static passlock_options *unlinked;
static unsigned in_flight;
/* One of the functions below. */
static int (*start)(Slot *slot);

static void end_call(Slot *slot, int r, const char *error_text)
{
        in_flight--;
        if (r != 0 && report.samples.n_failed == 0)
                warnx("The call failed: %s", error_text);
        load_report_add(&report, slot->begin, r != 0);
        if (load_report_is_running(&report)) {
                slot->begin = now_s();
                in_flight++;
                if (start(slot) != 0)
                        errx(EXIT_FAILURE, "Failed to start a call");
        }
}

static void on_token(passlock *client _unused_, int r, const char *error_text,
                     passlock_token *token _unused_, void *userdata)
{
        end_call(userdata, r, error_text);
}

static void on_principal(passlock *client _unused_, int r, const char *error_text,
                         passlock_principal *principal _unused_, void *userdata)
{
        end_call(userdata, r, error_text);
}

static void on_user(passlock *client _unused_, int r, const char *error_text,
                    const char *user _unused_, void *userdata)
{
        end_call(userdata, r, error_text);
}

static int start_authorize(Slot *slot)
{
        return passlock_authorize_async(slot->client, "shop.example.com", "load-user", "load-user",
                                        NULL, on_token, slot, NULL);
}

static const char *next_code(void)
{
        static char code[32];
        static unsigned n;

        snprintf(code, sizeof(code), "l%d-%u", getpid(), n++);
        return code;
}

static int start_exchange(Slot *slot)
{
        return passlock_exchange_async(slot->client, next_code(), NULL, on_principal, slot, NULL);
}

static int start_exchange_unlinked(Slot *slot)
{
        return passlock_exchange_async(slot->client, next_code(), unlinked, on_principal, slot,
                                       NULL);
}

static int start_get_user(Slot *slot)
{
        return passlock_links_get_user_async(slot->client, "load-key", on_user, slot, NULL);
}

static void select_call(const char *name)
{
        static const struct {
                const char *name;
                int (*start)(Slot *slot);
        } calls[] = {
                {"Authorize", start_authorize},
                {"Exchange", start_exchange},
                {"ExchangeUnlinked", start_exchange_unlinked},
                {"GetUser", start_get_user},
        };

        for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
                if (streq(calls[i].name, name))
                        start = calls[i].start;
        if (!start)
                errx(EXIT_FAILURE, "Unknown call: %s", name);
}

static void dispatch(passlock **clients, unsigned n_clients)
{
        struct pollfd pfds[CLIENTS_MAX];

        for (unsigned i = 0; i < n_clients; i++)
                pfds[i] = (struct pollfd){.fd = passlock_get_fd(clients[i]), .events = POLLIN};
        (void) poll(pfds, n_clients, -1);
        for (unsigned i = 0; i < n_clients; i++)
                if (pfds[i].revents)
                        check(passlock_dispatch(clients[i]), "dispatch");
}

static void call_async(passlock **clients, unsigned n_clients, unsigned n)
{
        Slot *slots = calloc(n, sizeof(Slot));

        if (!slots)
                errx(EXIT_FAILURE, "Failed to allocate calls");
        for (unsigned i = 0; i < n; i++) {
                slots[i] = (Slot){.client = clients[i / CALLS_PER_CLIENT], .begin = now_s()};
                in_flight++;
                if (start(&slots[i]) != 0)
                        errx(EXIT_FAILURE, "Failed to start a call");
        }
        while (in_flight > 0)
                dispatch(clients, n_clients);
        free(slots);
}

/* GetUser and Authorize only. */
static void call_sync(passlock *client)
{
        while (load_report_is_running(&report)) {
                double begin = now_s();
                int r;

                if (start == start_get_user) {
                        _cleanup_(freep) char *user = NULL;

                        r = passlock_links_get_user(client, "load-key", &user);
                } else {
                        passlock_token *token = NULL;

                        r = passlock_authorize(client, "shop.example.com", "load-user", "load-user",
                                               NULL, &token);
                        passlock_token_unref(token);
                }
                load_report_add(&report, begin, r != 0);
        }
}

int main(int argc, char *argv[])
{
        passlock *clients[CLIENTS_MAX];
        unsigned n, n_clients;

        n = argc == 4 ? (unsigned) atoi(argv[2]) : CLIENTS_MAX * CALLS_PER_CLIENT + 1;
        if (n > CLIENTS_MAX * CALLS_PER_CLIENT)
                errx(EXIT_FAILURE, "usage: call-library CALL IN_FLIGHT SECONDS");
        select_call(argv[1]);
        n_clients = n == 0 ? 1 : (n + CALLS_PER_CLIENT - 1) / CALLS_PER_CLIENT;
        for (unsigned i = 0; i < n_clients; i++) {
                check(passlock_new(&clients[i]), "make a client");
                check(passlock_set_tenancy(clients[i], "default"), "select the tenancy");
        }
        check(passlock_options_new(&unlinked), "make options");
        check(passlock_options_set_bool(unlinked, "link", false), "make options");

        load_report_begin(&report, 0);
        call_async(clients, n_clients, n > 0 ? n : 1);
        load_report_begin(&report, atof(argv[3]));
        if (n == 0)
                call_sync(clients[0]);
        else
                call_async(clients, n_clients, n);
        load_report_print(&report);

        passlock_options_unref(unlinked);
        for (unsigned i = 0; i < n_clients; i++)
                passlock_unref(clients[i]);
        return fflush(stdout) < 0;
}
