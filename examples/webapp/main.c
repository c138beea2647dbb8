/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Example web app with passkeys: sign-up, passkey registration, sign-in, deletion. The app has no
 * API key and makes no API calls: it uses libpasslock and passlockd.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>

#include "examples/webapp/app.h"
#include "examples/webapp/cleanup.h"
#include "examples/webapp/server.h"

static const char usage[] =
        "passlock-example-webapp --tenancy-id=ID --passlock-endpoint=URL [OPTION...]\n"
        "\n"
        "  --listen=ADDR:PORT         IPv4 only; port 0: any free port (default: 127.0.0.1:8080)\n"
        "  --rp-id=HOST               host name of the page (default: localhost)\n"
        "  --origin=URL               origin of the page behind a proxy (default: "
        "http://HOST:PORT)\n"
        "  --tenancy-id=ID            tenancy id, for passlock.js\n"
        "  --passlock-endpoint=URL    origin of the API and of /passlock.js\n"
        "  --tenancy=LABEL            label of the tenancy in passlockd.conf (default: "
        "DefaultTenancy)\n";

typedef struct Options {
        ServerConfig server;
        App app;
        const char *tenancy;
} Options;

static void server_freep(Server **server)
{
        server_free(*server);
}

static void accounts_freep(Accounts **accounts)
{
        accounts_free(*accounts);
}

static void sessions_freep(Sessions **sessions)
{
        sessions_free(*sessions);
}

static int fail(const char *message, const char *reason)
{
        fprintf(stderr, "passlock-example-webapp: %s: %s\n", message, reason);
        return EXIT_FAILURE;
}

/* ADDR:PORT. Returns 0 or -EINVAL. */
static int parse_listen(const char *text, struct sockaddr_in *ret)
{
        char address[INET_ADDRSTRLEN], *end;
        const char *colon = strrchr(text, ':');
        unsigned long port;

        if (!colon || (size_t) (colon - text) >= sizeof(address))
                return -EINVAL;
        memcpy(address, text, (size_t) (colon - text));
        address[colon - text] = '\0';
        port = strtoul(colon + 1, &end, 10);
        if (colon[1] < '0' || colon[1] > '9' || *end || port > UINT16_MAX)
                return -EINVAL;

        *ret = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t) port)};
        return inet_pton(AF_INET, address, &ret->sin_addr) == 1 ? 0 : -EINVAL;
}

/* Only scheme://host[:port], which is safe in a header. */
static int is_origin(const char *url)
{
        size_t scheme = strncmp(url, "https://", 8) == 0  ? 8
                        : strncmp(url, "http://", 7) == 0 ? 7
                                                          : 0;

        return scheme && url[scheme] &&
               url[scheme + strspn(url + scheme, "abcdefghijklmnopqrstuvwxyz"
                                                 "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]")] ==
                       '\0';
}

/* Returns NULL or a static error message. */
static const char *parse_option(int option, Options *options)
{
        switch (option) {
        case 'l':
                return parse_listen(optarg, &options->server.address) < 0 ? "invalid ADDR:PORT"
                                                                          : NULL;
        case 'r':
                options->server.host = options->app.rp_id = optarg;
                return NULL;
        case 'o':
                options->server.origin = optarg;
                return is_origin(optarg) ? NULL : "invalid origin, expected scheme://host[:port]";
        case 'i':
                options->app.tenancy_id = optarg;
                return NULL;
        case 'e':
                options->server.endpoint = options->app.endpoint = optarg;
                return is_origin(optarg) ? NULL : "invalid origin, expected scheme://host[:port]";
        default:
                options->tenancy = optarg;
                return NULL;
        }
}

static int parse_options(int argc, char **argv, Options *options)
{
        static const struct option names[] = {
                {"listen", required_argument, NULL, 'l'},
                {"rp-id", required_argument, NULL, 'r'},
                {"origin", required_argument, NULL, 'o'},
                {"tenancy-id", required_argument, NULL, 'i'},
                {"passlock-endpoint", required_argument, NULL, 'e'},
                {"tenancy", required_argument, NULL, 't'},
                {"help", no_argument, NULL, 'h'},
                {0},
        };
        const char *problem;
        int option;

        while ((option = getopt_long(argc, argv, "h", names, NULL)) >= 0) {
                if (option == 'h') {
                        fputs(usage, stdout);
                        exit(EXIT_SUCCESS);
                }
                if (option == '?')
                        return EXIT_FAILURE;
                problem = parse_option(option, options);
                if (problem)
                        return fail(optarg, problem);
        }
        if (optind < argc)
                return fail(argv[optind], "unexpected argument");
        if (!options->app.tenancy_id || !options->app.endpoint)
                return fail("--tenancy-id, --passlock-endpoint", "required");
        return EXIT_SUCCESS;
}

static int signals_open(void)
{
        sigset_t signals;

        sigemptyset(&signals);
        sigaddset(&signals, SIGINT);
        sigaddset(&signals, SIGTERM);
        sigprocmask(SIG_BLOCK, &signals, NULL);
        return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Event loop: signals, HTTP and libpasslock, single-threaded. */
static int run(Server *server, passlock *client, int signals)
{
        struct pollfd fds[] = {
                {.fd = signals, .events = POLLIN},
                {.fd = server_fd(server), .events = POLLIN},
                {.fd = passlock_get_fd(client), .events = POLLIN},
        };
        int r = 0;

        while (r == 0 && !fds[0].revents) {
                if (poll(fds, 3, server_timeout_ms(server)) < 0 && errno != EINTR)
                        return -errno;
                r = passlock_dispatch(client);
                server_run(server);
        }
        return r;
}

int main(int argc, char **argv)
{
        Options options = {
                .server = {.host = "localhost", .routes = app_routes},
                .app = {.rp_id = "localhost"},
        };
        /* Cleanup is in reverse order: pending calls end before their requests. */
        _cleanup_(accounts_freep) Accounts *accounts = NULL;
        _cleanup_(sessions_freep) Sessions *sessions = NULL;
        _cleanup_(server_freep) Server *server = NULL;
        _cleanup_(passlock_unrefp) passlock *client = NULL;
        int signals, r;

        parse_listen("127.0.0.1:8080", &options.server.address);
        if (parse_options(argc, argv, &options) != EXIT_SUCCESS)
                return EXIT_FAILURE;
        options.server.userdata = &options.app;

        r = passlock_new(&client);
        if (r == 0)
                r = passlock_set_tenancy(client, options.tenancy);
        if (r != 0)
                return fail("Failed to initialise libpasslock", passlock_strerror(r));
        if (accounts_new(&accounts) < 0 || sessions_new(&sessions) < 0)
                return fail("Failed to allocate accounts and sessions", strerror(ENOMEM));
        options.app.passlock = client;
        options.app.accounts = accounts;
        options.app.sessions = sessions;

        signals = signals_open();
        if (signals < 0)
                return fail("Failed to create signalfd", strerror(errno));
        r = server_new(&options.server, &server);
        if (r < 0)
                return fail("Failed to listen", strerror(-r));
        printf("listening on %s\n", server_origin(server));
        fflush(stdout);

        r = run(server, client, signals);
        return r == 0 ? EXIT_SUCCESS : fail("Failed to run the event loop", passlock_strerror(r));
}
