/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Keeps calls in flight: adds links, requests tokens, and exchanges each line of standard input as
 * a code. Prints "going" at the first reply. Ends at the first failure. At the end of the input,
 * waits for the calls in flight, and prints the number of calls of each kind and of failures.
 */

#include <passlock.h>

#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define IN_FLIGHT 8 /* of each */

static unsigned n_pending, n_added, n_authorized, n_exchanged, n_failed;
static bool ending, going;

static void start_add(passlock *client);
static void start_authorize(passlock *client);

static void count(int r, const char *error_text, unsigned *counter)
{
        n_pending--;
        if (r == 0)
                (*counter)++;
        else {
                n_failed++;
                fprintf(stderr, "%s: %s\n", passlock_strerror(r), error_text);
        }
        if (!going)
                puts("going");
        going = true;
}

static void on_added(passlock *client, int r, const char *error_text, void *userdata)
{
        count(r, error_text, &n_added);
        start_add(client);
}

static void on_token(passlock *client, int r, const char *error_text, passlock_token *token,
                     void *userdata)
{
        count(r, error_text, &n_authorized);
        start_authorize(client);
}

static void on_principal(passlock *client, int r, const char *error_text,
                         passlock_principal *principal, void *userdata)
{
        count(r, error_text, &n_exchanged);
}

static void started(int r)
{
        if (r == 0)
                n_pending++;
        else {
                n_failed++;
                fprintf(stderr, "not started: %s\n", passlock_strerror(r));
        }
}

static void start_add(passlock *client)
{
        static unsigned number;
        char user[32], authenticator[32];

        if (ending || n_failed > 0)
                return;
        snprintf(user, sizeof(user), "load-user-%u", number % 64);
        snprintf(authenticator, sizeof(authenticator), "load-%u", number++);
        started(passlock_links_add_async(client, user, authenticator, on_added, NULL, NULL));
}

static void start_authorize(passlock *client)
{
        if (!ending && n_failed == 0)
                started(passlock_authorize_async(client, "shop.example.com", "load-user", "ada",
                                                 NULL, on_token, NULL, NULL));
}

/* A busy machine may bring several lines at once; each comes whole, as it is written whole. */
static void read_codes(passlock *client)
{
        static char lines[65536];
        ssize_t n = read(STDIN_FILENO, lines, sizeof(lines) - 1);

        if (n <= 0) {
                ending = true;
                return;
        }
        lines[n] = '\0';
        for (char *code = strtok(lines, "\n"); code; code = strtok(NULL, "\n"))
                started(passlock_exchange_async(client, code, NULL, on_principal, NULL, NULL));
}

int main(void)
{
        passlock *client = NULL;

        setvbuf(stdout, NULL, _IOLBF, 0);
        if (passlock_new(&client) != 0)
                return 2;
        for (unsigned i = 0; i < IN_FLIGHT; i++) {
                start_add(client);
                start_authorize(client);
        }
        while (!ending || n_pending > 0) {
                struct pollfd fds[] = {
                        {.fd = passlock_get_fd(client), .events = POLLIN},
                        {.fd = ending ? -1 : STDIN_FILENO, .events = POLLIN},
                };

                if (poll(fds, 2, -1) < 0 || passlock_dispatch(client) < 0)
                        return 2;
                if (fds[1].revents)
                        read_codes(client);
        }
        passlock_unref(client);
        printf("%u %u %u %u\n", n_added, n_authorized, n_exchanged, n_failed);
        return 0;
}
