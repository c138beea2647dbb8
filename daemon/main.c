/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/process-protection.h"
#include "build-config.h"
#include "daemon/service.h"

static const char usage[] =
        "Usage: passlockd [OPTION…]\n"
        "\n"
        "Serves passkeys to apps on the system bus. Another process, passlock-keyholder, holds "
        "the\n"
        "API keys.\n"
        "\n"
        "  --config=FILE        read only FILE and FILE.d/*.conf\n"
        "  --key-holder=SOCKET  connect to the key holder there, instead of starting one\n"
        "  --copy-store=FILE    copy the store, in use or not, to a new FILE and exit\n"
        "  --log-level=LEVEL    err, warning, notice, info (default) or debug\n"
        "  --help               show this help\n"
        "  --version            show the version\n"
        "\n"
        "See passlockd(8) and passlockd.conf(5).\n";

/* Command-line options; NULL: not given. */
typedef struct CommandLine {
        const char *config_file;
        const char *key_holder;
        const char *copy_file;
} CommandLine;

/* Returns 1 to continue, 0 to exit successfully, or -1. */
static int parse_arguments(int argc, char *argv[], CommandLine *ret)
{
        enum {
                OPTION_CONFIG = 256,
                OPTION_COPY_STORE,
                OPTION_KEY_HOLDER,
                OPTION_LOG_LEVEL,
                OPTION_HELP,
                OPTION_VERSION
        };
        static const struct option options[] = {
                {"config", required_argument, NULL, OPTION_CONFIG},
                {"copy-store", required_argument, NULL, OPTION_COPY_STORE},
                {"key-holder", required_argument, NULL, OPTION_KEY_HOLDER},
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
                case OPTION_COPY_STORE:
                        ret->copy_file = optarg;
                        break;
                case OPTION_KEY_HOLDER:
                        ret->key_holder = optarg;
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
                        puts("passlockd " PACKAGE_VERSION);
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

/* The process has tokens and codes, but no API keys: no core dump, no ptrace, private files. */
static void protect_process(void)
{
        process_disable_core_dumps();
        umask(077);
}

/* Must run before any thread starts: signals are handled by the event loop only. */
static void block_signals(void)
{
        sigset_t signals;

        sigemptyset(&signals);
        sigaddset(&signals, SIGTERM);
        sigaddset(&signals, SIGINT);
        sigaddset(&signals, SIGHUP);
        sigaddset(&signals, SIGCHLD);
        (void) sigprocmask(SIG_BLOCK, &signals, NULL);
        (void) signal(SIGPIPE, SIG_IGN);
        /* Report a file size limit as EFBIG. */
        (void) signal(SIGXFSZ, SIG_IGN);
}

int main(int argc, char *argv[])
{
        _cleanup_(service_freep) Service *service = NULL;
        CommandLine line = {};
        int r;

        r = parse_arguments(argc, argv, &line);
        if (r <= 0)
                return r < 0 ? 2 : EXIT_SUCCESS;
        protect_process();
        block_signals();

        if (line.copy_file)
                return service_copy_store(line.copy_file) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
        r = service_new(line.config_file, line.key_holder, &service);
        if (r < 0)
                return EXIT_FAILURE;
        return service_run(service) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
