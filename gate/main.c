/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <systemd/sd-daemon.h>

#include "base/log.h"
#include "base/process-protection.h"
#include "base/text.h"
#include "base/wiping-allocator.h"
#include "build-config.h"
#include "gate/gate.h"
#include "gate/listener.h"

static const char usage[] =
        "Usage: passlock-gate [OPTION…]\n"
        "\n"
        "Serves passlockd by HTTP and JSON on a unix socket, to apps without D-Bus and in "
        "containers.\n"
        "The calls are those of the gate's user, with the user's grant.\n"
        "\n"
        "  --socket=PATH        listen there, instead of on the socket that systemd passes\n"
        "  --tenancy=LABEL      the tenancy of requests that name none\n"
        "  --exit-idle-sec=SEC  exit after this time without a connection (default: never)\n"
        "  --log-level=LEVEL    err, warning, notice, info (default) or debug\n"
        "  --help               show this help\n"
        "  --version            show the version\n"
        "\n"
        "See passlock-gate(8) and passlock-gate-api(7).\n";

#define EXIT_IDLE_SEC_MAX 86400U

typedef struct CommandLine {
        const char *socket;  /* NULL: from systemd */
        const char *tenancy; /* NULL: the daemon's default */
        unsigned exit_idle_sec;
} CommandLine;

/* Returns 1 to continue, 0 to exit successfully, or -1. */
static int parse_arguments(int argc, char *argv[], CommandLine *ret)
{
        enum {
                OPTION_SOCKET = 256,
                OPTION_TENANCY,
                OPTION_EXIT_IDLE_SEC,
                OPTION_LOG_LEVEL,
                OPTION_HELP,
                OPTION_VERSION
        };
        static const struct option options[] = {
                {"socket", required_argument, NULL, OPTION_SOCKET},
                {"tenancy", required_argument, NULL, OPTION_TENANCY},
                {"exit-idle-sec", required_argument, NULL, OPTION_EXIT_IDLE_SEC},
                {"log-level", required_argument, NULL, OPTION_LOG_LEVEL},
                {"help", no_argument, NULL, OPTION_HELP},
                {"version", no_argument, NULL, OPTION_VERSION},
                {},
        };
        int c;

        while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0)
                switch (c) {
                case OPTION_SOCKET:
                        ret->socket = optarg;
                        break;
                case OPTION_TENANCY:
                        ret->tenancy = optarg;
                        break;
                case OPTION_EXIT_IDLE_SEC:
                        ret->exit_idle_sec = text_parse_number(optarg, EXIT_IDLE_SEC_MAX);
                        if (ret->exit_idle_sec == 0) {
                                log_error("Invalid --exit-idle-sec: %s", optarg);
                                return -1;
                        }
                        break;
                case OPTION_LOG_LEVEL:
                        if (log_set_max_level_name(optarg) < 0) {
                                log_error("Invalid log level: %s", optarg);
                                return -1;
                        }
                        break;
                case OPTION_HELP:
                        fputs(usage, stdout);
                        return 0;
                case OPTION_VERSION:
                        puts("passlock-gate " PACKAGE_VERSION);
                        return 0;
                default:
                        return -1;
                }
        if (optind < argc) {
                log_error("Unexpected argument: %s", argv[optind]);
                return -1;
        }
        return 1;
}

/* The process has tokens and codes: no core dump, no ptrace, no more privileges. */
static void protect_process(void)
{
        process_disable_core_dumps();
        process_give_up_new_privileges();
        json_set_alloc_funcs(counted_malloc, wiping_free);
}

static void block_signals(void)
{
        sigset_t signals;

        sigemptyset(&signals);
        sigaddset(&signals, SIGTERM);
        sigaddset(&signals, SIGINT);
        (void) sigprocmask(SIG_BLOCK, &signals, NULL);
        (void) signal(SIGPIPE, SIG_IGN);
}

static int on_stop_signal(sd_event_source *source, const struct signalfd_siginfo *info,
                          void *userdata)
{
        (void) sd_notify(0, "STOPPING=1");
        gate_stop(userdata);
        return 0;
}

static int add_signals(sd_event *event, Gate *gate)
{
        int r;

        r = sd_event_add_signal(event, NULL, SIGTERM, on_stop_signal, gate);
        return r < 0 ? r : sd_event_add_signal(event, NULL, SIGINT, on_stop_signal, gate);
}

static int serve(sd_event *event, const CommandLine *line, int fd)
{
        _cleanup_(gate_freep) Gate *gate = NULL;
        int r;

        r = gate_new(event, fd, line->tenancy, line->exit_idle_sec, &gate);
        if (r >= 0)
                r = add_signals(event, gate);
        if (r < 0) {
                if (r == -EINVAL && line->tenancy)
                        log_error("Invalid --tenancy: %s", line->tenancy);
                else
                        log_error("Failed to start: %s", strerror(-r));
                return r;
        }
        (void) sd_notify(0, "READY=1");
        return sd_event_loop(event);
}

static int open_listener(const CommandLine *line, int *ret_fd, Listener **ret)
{
        int fd;

        if (line->socket)
                return listener_open(line->socket, ret_fd, ret);
        fd = listener_from_systemd();
        if (fd < 0)
                return fd;
        *ret_fd = fd;
        return 0;
}

static int run(const CommandLine *line)
{
        _cleanup_(listener_freep) Listener *listener = NULL;
        sd_event *event = NULL;
        int fd, r;

        r = open_listener(line, &fd, &listener);
        if (r < 0)
                return r;
        r = sd_event_new(&event);
        if (r >= 0)
                r = serve(event, line, fd);
        sd_event_unref(event);
        return r;
}

int main(int argc, char *argv[])
{
        CommandLine line = {};
        int r;

        r = parse_arguments(argc, argv, &line);
        if (r <= 0)
                return r < 0 ? 2 : EXIT_SUCCESS;
        protect_process();
        block_signals();
        return run(&line) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
