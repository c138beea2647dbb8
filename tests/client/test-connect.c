/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Errors of calls on a missing bus, or a bus that refuses the client. */

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "tests/client/harness.h"

typedef struct Seen {
        unsigned n;
        int r;
        char text[256];
} Seen;

static void on_done(passlock *client, int r, const char *error_text, void *userdata)
{
        Seen *seen = userdata;

        seen->n++;
        seen->r = r;
        snprintf(seen->text, sizeof(seen->text), "%s", error_text ?: "");
}

static void on_reconciled(passlock *client, int r, const char *error_text,
                          passlock_reconciliation *reconciliation, void *userdata)
{
        on_done(client, r, error_text, userdata);
}

/* The service uses one connection. */
#define CLIENTS (HARNESS_CONNECTIONS_MAX - 1)

static void fill(passlock *clients[static CLIENTS])
{
        for (size_t i = 0; i < CLIENTS; i++) {
                assert_int_equal(passlock_new(&clients[i]), 0);
                assert_int_equal(passlock_links_add(clients[i], "x", "a"), 0);
        }
}

static void release(passlock *clients[static CLIENTS])
{
        for (size_t i = 0; i < CLIENTS; i++)
                passlock_unref(clients[i]);
}

static void expect_refused(const char *text)
{
        char user[64];

        snprintf(user, sizeof(user), "The bus refuses another connection of user %u: ", geteuid());
        assert_int_equal(strncmp(text, user, strlen(user)), 0);
}

static void test_too_many_connections(void **state)
{
        passlock *clients[CLIENTS], *one_more = ((Harness *) *state)->client;

        fill(clients);
        assert_int_equal(passlock_links_add(one_more, "x", "a"), PASSLOCK_ERROR_LIMITS_EXCEEDED);
        expect_refused(passlock_last_error_text(one_more));
        clients[0] = passlock_unref(clients[0]);
        /* The bus may not have noticed the disconnect yet. */
        while (passlock_links_add(one_more, "x", "a") == PASSLOCK_ERROR_LIMITS_EXCEEDED)
                ;
        assert_string_equal(passlock_last_error_text(one_more), "");
        release(clients);
}

static void test_too_many_connections_asynchronously(void **state)
{
        passlock *clients[CLIENTS];
        Harness *h = *state;
        Seen seen[2] = {};

        fill(clients);
        for (size_t i = 0; i < 2; i++)
                assert_int_equal(
                        passlock_links_add_async(h->client, "x", "a", on_done, &seen[i], NULL), 0);
        for (size_t i = 0; i < 2; i++) {
                harness_run_until(h, &seen[i].n, 1);
                assert_int_equal(seen[i].r, PASSLOCK_ERROR_LIMITS_EXCEEDED);
                expect_refused(seen[i].text);
        }
        release(clients);
}

/* A reconciliation fails to open its dedicated connection; the client's connection still works. */
static void test_no_connection_for_a_reconciliation(void **state)
{
        passlock *clients[CLIENTS];
        Harness *h = *state;
        Seen seen = {};

        fill(clients);
        h->client = (passlock_unref(h->client), passlock_ref(clients[0]));
        assert_int_equal(
                passlock_reconcile_async(h->client, NULL, NULL, on_reconciled, &seen, NULL), 0);
        harness_run_until(h, &seen.n, 1);
        assert_int_equal(seen.r, PASSLOCK_ERROR_LIMITS_EXCEEDED);
        expect_refused(seen.text);
        assert_int_equal(passlock_links_add(h->client, "x", "a"), 0);
        release(clients);
}

static void expect_no_bus(passlock *client, const char *text)
{
        Seen seen = {};

        assert_int_equal(passlock_links_add(client, "x", "a"), -ENOTCONN);
        assert_string_equal(passlock_last_error_text(client), text);
        assert_int_equal(passlock_links_add_async(client, "x", "a", on_done, &seen, NULL), 0);
        while (seen.n == 0)
                assert_int_equal(passlock_dispatch(client), 0);
        assert_int_equal(seen.r, -ENOTCONN);
        assert_string_equal(seen.text, text);
}

static void test_no_bus(void **state)
{
        Harness *h = *state;
        char path[128];

        harness_stop_bus(h);
        expect_no_bus(h->client, "nothing listens on the bus socket");
        snprintf(path, sizeof(path), "%s/bus", h->dir);
        assert_int_equal(unlink(path), 0);
        expect_no_bus(h->client, "the bus socket does not exist");
        setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:", 1);
        expect_no_bus(h->client, "the bus address is invalid");
}

/* Accepts and closes connections until the socket is shut down. */
static void *close_connections(void *userdata)
{
        int fd;

        while ((fd = accept(*(int *) userdata, NULL, NULL)) >= 0)
                close(fd);
        return NULL;
}

static void test_bus_that_closes_connections(void **state)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        Harness *h = *state;
        pthread_t thread;
        int fd;

        harness_stop_bus(h);
        snprintf(address.sun_path, sizeof(address.sun_path), "%s/bus", h->dir);
        assert_int_equal(unlink(address.sun_path), 0);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(fd, (struct sockaddr *) &address, sizeof(address)), 0);
        assert_int_equal(listen(fd, 8), 0);
        assert_int_equal(pthread_create(&thread, NULL, close_connections, &fd), 0);
        expect_no_bus(h->client, "the bus closed the connection: it does not know this user, "
                                 "or its connection limit is reached");
        shutdown(fd, SHUT_RDWR);
        pthread_join(thread, NULL);
        close(fd);
}

#define crowded(name) cmocka_unit_test_setup_teardown(name, harness_setup_crowded, harness_teardown)
#define bus_only(name) \
        cmocka_unit_test_setup_teardown(name, harness_setup_bus_only, harness_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                crowded(test_too_many_connections),
                crowded(test_too_many_connections_asynchronously),
                crowded(test_no_connection_for_a_reconciliation),
                bus_only(test_no_bus),
                bus_only(test_bus_that_closes_connections),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
