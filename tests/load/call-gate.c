/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * call-gate SOCKET IN_FLIGHT SECONDS
 *
 * Calls Links.GetUser through passlock-gate, with HTTP written by hand. Keeps IN_FLIGHT requests in
 * flight, each on a connection of its own; 0 is one, which is waited for without poll(). Prints
 * what call-library prints.
 */

#include <err.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/macro.h"
#include "tests/load/load-report.h"

#define CONNECTIONS_MAX 256U
#define REPLY_MAX       4096U

static const char request[] = "POST /v1/Links.GetUser HTTP/1.1\r\nHost: localhost\r\n"
                              "Content-Length: 31\r\n\r\n{\"authenticator_id\":\"load-key\"}";

typedef struct Connection {
        double begin;
        size_t len;
        char reply[REPLY_MAX];
} Connection;

static LoadReport report;
static struct pollfd fds[CONNECTIONS_MAX];
static Connection connections[CONNECTIONS_MAX];
static unsigned n_in_flight;

static int connect_to(const char *path)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (strlen(path) >= sizeof(address.sun_path))
                errx(EXIT_FAILURE, "The path is too long");
        strcpy(address.sun_path, path);
        if (fd < 0 || connect(fd, (struct sockaddr *) &address, sizeof(address)) < 0)
                err(EXIT_FAILURE, "Failed to connect to %s", path);
        return fd;
}

static void send_request(unsigned i)
{
        connections[i].begin = now_s();
        connections[i].len = 0;
        if (send(fds[i].fd, request, strlen(request), MSG_NOSIGNAL) != (ssize_t) strlen(request))
                err(EXIT_FAILURE, "Failed to send");
        n_in_flight++;
}

/* Whether the reply is complete: the body is the only object. */
static bool receive_reply(unsigned i)
{
        Connection *c = &connections[i];
        ssize_t n = recv(fds[i].fd, c->reply + c->len, REPLY_MAX - c->len, 0);

        if (n <= 0)
                err(EXIT_FAILURE, "Failed to receive");
        c->len += (size_t) n;
        return c->reply[c->len - 1] == '}';
}

static void on_readable(unsigned i)
{
        const Connection *c = &connections[i];

        if (!receive_reply(i))
                return;
        n_in_flight--;
        load_report_add(&report, c->begin, strncmp(c->reply, "HTTP/1.1 200", 12) != 0);
        if (load_report_is_running(&report))
                send_request(i);
}

static void run(unsigned n, bool is_sync, double seconds)
{
        load_report_begin(&report, seconds);
        for (unsigned i = 0; i < n; i++)
                send_request(i);
        while (n_in_flight > 0) {
                if (!is_sync && poll(fds, n, -1) < 0)
                        err(EXIT_FAILURE, "Failed to poll");
                for (unsigned i = 0; i < n; i++)
                        if (is_sync || fds[i].revents)
                                on_readable(i);
        }
}

int main(int argc, char *argv[])
{
        unsigned n = argc == 4 ? (unsigned) atoi(argv[2]) : CONNECTIONS_MAX + 1;
        bool is_sync = n == 0;

        if (n > CONNECTIONS_MAX)
                errx(EXIT_FAILURE, "Usage: call-gate SOCKET IN_FLIGHT SECONDS");
        n = is_sync ? 1 : n;
        for (unsigned i = 0; i < n; i++)
                fds[i] = (struct pollfd){.fd = connect_to(argv[1]), .events = POLLIN};
        run(n, is_sync, atof(argv[3]) / 10);
        run(n, is_sync, atof(argv[3]));
        load_report_print(&report);
        return EXIT_SUCCESS;
}
