/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#include "base/log.h"
#include "base/process-protection.h"
#include "build-config.h"
#include "keyholder/keyholder.h"
#include "keyholder/listener.h"
#include "keyholder/watchdog.h"

static const char usage[] =
        "Usage: passlock-keyholder [OPTION…]\n"
        "\n"
        "Holds the Passlock API keys and makes the HTTP requests of passlockd, which connects to "
        "the\n"
        "socket that systemd passes.\n"
        "\n"
        "  --user=USER        the user of passlockd (default: passlock); others are refused\n"
        "  --connection=FD    instead of systemd's socket, one that is connected to passlockd\n"
        "  --config=FILE      read only FILE and FILE.d/*.conf\n"
        "  --log-level=LEVEL  err, warning, notice, info (default) or debug\n"
        "  --help             show this help\n"
        "  --version          show the version\n"
        "\n"
        "See passlock-keyholder(8) and passlockd.conf(5).\n";

#define DAEMON_USER "passlock"

typedef struct CommandLine {
        const char *config_file; /* NULL: not given */
        const char *user;
        int fd; /* -1: not given */
} CommandLine;

typedef struct Program {
        CommandLine line;
        sd_event *event;
        Listener *listener;
        Watchdog *watchdog;
        KeyHolder *holder; /* NULL: the daemon has not connected yet */
} Program;

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
                OPTION_USER,
                OPTION_HELP,
                OPTION_VERSION
        };
        static const struct option options[] = {
                {"config", required_argument, NULL, OPTION_CONFIG},
                {"connection", required_argument, NULL, OPTION_CONNECTION},
                {"log-level", required_argument, NULL, OPTION_LOG_LEVEL},
                {"user", required_argument, NULL, OPTION_USER},
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
                        if (ret->fd < 0) {
                                log_error("Invalid file descriptor: %s", optarg);
                                return -1;
                        }
                        break;
                case OPTION_USER:
                        ret->user = optarg;
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
        return 1;
}

/* The process holds API keys: no core dump, no ptrace, no more privileges. */
static void protect_process(void)
{
        process_disable_core_dumps();
        process_give_up_new_privileges();
        umask(077);
}

/* A child of the daemon has none of its descriptors, and ends with it, even while it hangs. */
static void protect_child(int fd)
{
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
                log_warning("Failed to set the parent death signal: %s", strerror(errno));
        if (fd > STDERR_FILENO + 1)
                (void) close_range(STDERR_FILENO + 1, (unsigned) fd - 1, 0);
        (void) close_range((unsigned) fd + 1, ~0U, 0);
        (void) fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static void set_signals(bool is_child)
{
        static const int ignored[] = {SIGHUP, SIGPIPE, SIGXFSZ};
        sigset_t blocked;

        for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
                (void) signal(ignored[i], SIG_IGN);
        sigemptyset(&blocked);
        if (is_child) {
                /* systemd sends the stop signal to all processes of the unit, but the daemon has
                 * calls to finish: its end of the connection tells when to stop. */
                (void) signal(SIGTERM, SIG_IGN);
                (void) signal(SIGINT, SIG_IGN);
        } else {
                sigaddset(&blocked, SIGTERM);
                sigaddset(&blocked, SIGINT);
        }
        (void) sigprocmask(SIG_SETMASK, &blocked, NULL);
}

/* Takes the socket. */
static int hold_keys(Program *program, int fd)
{
        return keyholder_new(program->event, fd, program->line.config_file, &program->holder);
}

static void on_daemon(int fd, void *userdata)
{
        Program *program = userdata;
        int r;

        r = hold_keys(program, fd);
        if (r < 0) {
                log_error("Failed to serve the daemon: %s", strerror(-r));
                (void) sd_event_exit(program->event, r);
        }
}

static int on_stop_signal(sd_event_source *source _unused_,
                          const struct signalfd_siginfo *info _unused_, void *userdata)
{
        const Program *program = userdata;

        (void) sd_notify(0, "STOPPING=1");
        if (program->holder)
                keyholder_stop(program->holder);
        else
                (void) sd_event_exit(program->event, 0);
        return 0;
}

static int start_child(Program *program)
{
        int r;

        r = listener_check_peer(program->line.fd, geteuid());
        return r < 0 ? r : hold_keys(program, program->line.fd);
}

static int find_daemon_user(const CommandLine *line, uid_t *ret)
{
        const struct passwd *user;

        errno = 0;
        user = getpwnam(line->user);
        if (!user) {
                log_error("Failed to look up user %s, who runs passlockd: %s", line->user,
                          errno ? strerror(errno) : "no such user");
                return -ESRCH;
        }
        *ret = user->pw_uid;
        return 0;
}

static int start_service(Program *program)
{
        uid_t uid = 0;
        int r;

        if (sd_listen_fds(1) != 1 ||
            sd_is_socket_unix(SD_LISTEN_FDS_START, SOCK_STREAM, 1, NULL, 0) <= 0) {
                log_error("No socket: systemd starts this program by passlock-keyholder.socket");
                return -EINVAL;
        }
        r = find_daemon_user(&program->line, &uid);
        if (r == 0)
                r = listener_new(program->event, SD_LISTEN_FDS_START, uid, on_daemon, program,
                                 &program->listener);
        if (r == 0)
                r = log_errno_origin(sd_event_add_signal(program->event, NULL, SIGTERM,
                                                         on_stop_signal, program));
        if (r >= 0)
                r = log_errno_origin(
                        sd_event_add_signal(program->event, NULL, SIGINT, on_stop_signal, program));
        if (r >= 0)
                r = watchdog_new(program->event, &program->watchdog);
        return r < 0 ? r : log_errno_origin(sd_notify(0, "READY=1"));
}

/* Ends when the connection ends: the keys are in memory only while the daemon can use them, and
 * each connection finds the keys of its time. */
static int run(Program *program)
{
        int r;

        r = log_errno_origin(sd_event_new(&program->event));
        if (r >= 0)
                r = program->line.fd >= 0 ? start_child(program) : start_service(program);
        if (r < 0) {
                log_error("Failed to start: %s", strerror(-r));
                return r;
        }
        return log_errno_origin(sd_event_loop(program->event));
}

int main(int argc, char *argv[])
{
        Program program = {.line = {.user = DAEMON_USER, .fd = -1}};
        int r;

        r = parse_arguments(argc, argv, &program.line);
        if (r <= 0)
                return r < 0 ? 2 : EXIT_SUCCESS;
        protect_process();
        if (program.line.fd >= 0)
                protect_child(program.line.fd);
        set_signals(program.line.fd >= 0);
        r = run(&program);
        keyholder_free(program.holder);
        watchdog_free(program.watchdog);
        listener_free(program.listener);
        sd_event_unref(program.event);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
