/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/log.h"
#include "build-config.h"
#include "keyholder/keyholder.h"

static const char usage[] =
        "Usage: passlock-keyholder --connection=FD [OPTION…]\n"
        "\n"
        "Holds the Passlock API keys and makes the HTTP requests of passlockd, which starts it.\n"
        "\n"
        "  --connection=FD    the number of a socket that is connected to passlockd\n"
        "  --config=FILE      read only FILE and FILE.d/*.conf\n"
        "  --log-level=LEVEL  err, warning, notice, info (default) or debug\n"
        "  --help             show this help\n"
        "  --version          show the version\n"
        "\n"
        "See passlockd(8) and passlockd.conf(5).\n";

typedef struct CommandLine {
        const char *config_file; /* NULL: not given */
        int fd;                  /* -1: not given */
} CommandLine;

static int parse_fd(const char *text)
{
        char *end;
        unsigned long fd = strtoul(text, &end, 10);

        return *text && !*end && fd > STDERR_FILENO && fd <= INT16_MAX ? (int) fd : -1;
}

/* Returns 1 to continue, 0 to exit successfully, or -1. */
static int parse_arguments(int argc, char *argv[], CommandLine *ret)
{
        enum {
                OPTION_CONFIG = 256,
                OPTION_CONNECTION,
                OPTION_LOG_LEVEL,
                OPTION_HELP,
                OPTION_VERSION
        };
        static const struct option options[] = {
                {"config", required_argument, NULL, OPTION_CONFIG},
                {"connection", required_argument, NULL, OPTION_CONNECTION},
                {"log-level", required_argument, NULL, OPTION_LOG_LEVEL},
                {"help", no_argument, NULL, OPTION_HELP},
                {"version", no_argument, NULL, OPTION_VERSION},
                {},
        };
        int c;

        while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0)
                switch (c) {
                case OPTION_CONFIG:
                        ret->config_file = optarg;
                        break;
                case OPTION_CONNECTION:
                        ret->fd = parse_fd(optarg);
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
                        puts("passlock-keyholder " PACKAGE_VERSION);
                        return 0;
                default:
                        return -1;
                }
        if (optind < argc) {
                log_error("Unexpected argument: %s", argv[optind]);
                return -1;
        }
        if (ret->fd < 0) {
                log_error("--connection=FD is missing or invalid; passlockd starts this program");
                return -1;
        }
        return 1;
}

/* The process holds API keys: no core dump, no ptrace, no more privileges, none of the daemon's
 * descriptors. It ends with the daemon, even while it hangs. */
static void protect_process(int fd)
{
        (void) setrlimit(RLIMIT_CORE, &(struct rlimit){});
        if (prctl(PR_SET_DUMPABLE, 0) < 0)
                log_warning("Failed to disable core dumps: %s", strerror(errno));
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                log_warning("Failed to set no_new_privs: %s", strerror(errno));
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
                log_warning("Failed to set the parent death signal: %s", strerror(errno));
        if (fd > STDERR_FILENO + 1)
                (void) close_range(STDERR_FILENO + 1, (unsigned) fd - 1, 0);
        (void) close_range((unsigned) fd + 1, ~0U, 0);
        (void) fcntl(fd, F_SETFD, FD_CLOEXEC);
        umask(077);
}

/* systemd sends the stop signal to all processes of the unit, but the daemon has calls to finish:
 * its end of the connection tells when to stop. */
static void ignore_signals(void)
{
        static const int ignored[] = {SIGTERM, SIGINT, SIGHUP, SIGPIPE, SIGXFSZ};
        sigset_t none;

        for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
                (void) signal(ignored[i], SIG_IGN);
        sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
}

static int run(const CommandLine *line)
{
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_(keyholder_freep) KeyHolder *holder = NULL;
        int r;

        r = log_errno_origin(sd_event_new(&event));
        if (r >= 0)
                r = keyholder_new(event, line->fd, line->config_file, &holder);
        if (r < 0) {
                log_error("Failed to start: %s", strerror(-r));
                return r;
        }
        return log_errno_origin(sd_event_loop(event));
}

int main(int argc, char *argv[])
{
        CommandLine line = {.fd = -1};
        int r;

        r = parse_arguments(argc, argv, &line);
        if (r <= 0)
                return r < 0 ? 2 : EXIT_SUCCESS;
        protect_process(line.fd);
        ignore_signals();
        return run(&line) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
