/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/log.h"
#include "base/strv.h"
#include "daemon/holder/holder-process.h"

#define PROGRAM "passlock-keyholder"

/* The descriptor of the socket in the child. */
#define CHILD_FD 3

struct HolderProcess {
        pid_t pid;      /* 0: reaped */
        bool is_killed; /* and freed with the source, which the event loop owns */
        sd_event_source *source;
};

/* Finding the executable */

static int find_in(const char *directory, const char *name, char **ret)
{
        char *path;

        if (asprintf(&path, "%s/%s", directory, name) < 0)
                return -ENOMEM;
        if (access(path, X_OK) < 0) {
                int r = -errno;

                free(path);
                return r;
        }
        *ret = path;
        return 0;
}

static int find_program(char **ret)
{
        char own[PATH_MAX];
        ssize_t n;
        int r;

        n = readlink("/proc/self/exe", own, sizeof(own) - 1);
        if (n < 0)
                return log_errno_origin(-errno);
        own[n] = '\0';
        *strrchr(own, '/') = '\0';
        r = find_in(own, PROGRAM, ret);
        return r == -ENOENT ? find_in(own, "../keyholder/" PROGRAM, ret) : r;
}

/* Arguments and environment */

/* Settings of HTTP, TLS and the log. The daemon itself does not read the credentials. */
static bool is_passed_on(const char *variable)
{
        static const char *const names[] = {
                "CREDENTIALS_DIRECTORY", "JOURNAL_STREAM", "LANG", "LC_ALL", "LC_MESSAGES",
                "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy",
                "NO_PROXY", "LOCALDOMAIN", "RES_OPTIONS", "OPENSSL_CONF", "LD_LIBRARY_PATH",
                /* for tests */
                "ASAN_OPTIONS", "LSAN_OPTIONS", "UBSAN_OPTIONS", "GCOV_PREFIX",
                "LLVM_PROFILE_FILE"};

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                size_t len = strlen(names[i]);

                if (strncmp(variable, names[i], len) == 0 && variable[len] == '=')
                        return true;
        }
        return false;
}

static int make_environment(char ***ret)
{
        _cleanup_(strv_freep) char **environment = NULL;

        for (char **variable = environ; *variable; variable++)
                if (is_passed_on(*variable) && strv_push(&environment, *variable) < 0)
                        return -ENOMEM;
        *ret = TAKE_PTR(environment);
        return 0;
}

static int push_option(char ***arguments, const char *option, const char *value)
{
        _cleanup_(freep) char *argument = NULL;

        if (asprintf(&argument, "%s=%s", option, value) < 0) {
                argument = NULL;
                return -ENOMEM;
        }
        return strv_push(arguments, argument);
}

static int make_arguments(const char *program, const char *config_file, char ***ret)
{
        _cleanup_(strv_freep) char **arguments = NULL;
        char fd[16];
        int r;

        (void) snprintf(fd, sizeof(fd), "%d", CHILD_FD);
        r = strv_push(&arguments, program);
        if (r == 0)
                r = push_option(&arguments, "--connection", fd);
        if (r == 0)
                r = push_option(&arguments, "--log-level", log_max_level_name());
        if (r == 0 && config_file)
                r = push_option(&arguments, "--config", config_file);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(arguments);
        return 0;
}

/* The child */

/* Runs between fork() and execve(): async-signal-safe functions only. */
static void run_child(pid_t parent, int fd, int null_fd, char *const *arguments,
                      char *const *environment)
{
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
                _exit(EXIT_FAILURE);
        /* Above CHILD_FD, so that neither overwrites the other; dup2() clears FD_CLOEXEC. */
        if (dup2(null_fd, STDIN_FILENO) < 0 || dup2(null_fd, STDOUT_FILENO) < 0 ||
            dup2(fd, CHILD_FD) < 0)
                _exit(EXIT_FAILURE);
        (void) syscall(SYS_close_range, CHILD_FD + 1, ~0U, 0);
        (void) execve(arguments[0], arguments, environment);
        _exit(127);
}

static int fork_child(int fd, char *const *arguments, char *const *environment, pid_t *ret)
{
        _cleanup_(closep) int null_fd = -1, high_fd = -1;
        pid_t parent = getpid(), pid;

        null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (null_fd >= 0)
                high_fd = fcntl(fd, F_DUPFD_CLOEXEC, CHILD_FD + 1);
        if (high_fd < 0)
                return log_errno_origin(-errno);
        pid = fork();
        if (pid < 0)
                return log_errno_origin(-errno);
        if (pid == 0)
                run_child(parent, high_fd, null_fd, arguments, environment);
        *ret = pid;
        return 0;
}

static void log_end(const siginfo_t *info)
{
        if (info->si_code == CLD_EXITED && info->si_status == 0)
                log_debug("The key holder has exited");
        else if (info->si_code == CLD_EXITED)
                log_warning("The key holder has exited with status %d", info->si_status);
        else
                log_warning("The key holder was killed by signal %d (%s)", info->si_status,
                            strsignal(info->si_status));
}

/* The end of the process shows at its connection; here it is only reaped. */
static int on_exit_of_child(sd_event_source *source, const siginfo_t *info, void *userdata)
{
        HolderProcess *process = userdata;

        process->pid = 0;
        log_end(info);
        if (process->is_killed)
                (void) sd_event_source_set_floating(source, false); /* the last reference */
        return 0;
}

int holder_process_new(sd_event *event, const char *config_file, HolderProcess **ret, int *ret_fd)
{
        _cleanup_(holder_process_killp) HolderProcess *process = calloc(1, sizeof(HolderProcess));
        _cleanup_(strv_freep) char **arguments = NULL, **environment = NULL;
        _cleanup_(closep) int fd = -1, child_fd = -1;
        _cleanup_(freep) char *program = NULL;
        int fds[2], r;

        if (!process)
                return -ENOMEM;
        r = find_program(&program);
        if (r == 0)
                r = make_arguments(program, config_file, &arguments);
        if (r == 0)
                r = make_environment(&environment);
        if (r < 0)
                return r;
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
                return log_errno_origin(-errno);
        fd = fds[0];
        child_fd = fds[1];
        r = fork_child(child_fd, arguments, environment, &process->pid);
        if (r == 0)
                r = log_errno_origin(sd_event_add_child(event, &process->source, process->pid,
                                                        WEXITED, on_exit_of_child, process));
        if (r < 0)
                return r;
        *ret = TAKE_PTR(process);
        *ret_fd = TAKE_FD(fd);
        return 0;
}

/* Ending */

/* Does not wait: a process that hangs in the kernel ends later. */
HolderProcess *holder_process_kill(HolderProcess *process)
{
        if (!process)
                return NULL;
        if (process->pid == 0 || !process->source)
                return holder_process_wait(process, 0);
        (void) kill(process->pid, SIGKILL);
        process->is_killed = true;
        (void) sd_event_source_set_destroy_callback(process->source, free);
        (void) sd_event_source_set_floating(process->source, true);
        sd_event_source_unref(process->source);
        return NULL;
}

static void wait_for_end(pid_t pid, uint64_t timeout_ms)
{
        _cleanup_(closep) int pid_fd = (int) syscall(SYS_pidfd_open, pid, 0);
        struct pollfd fd = {.fd = pid_fd, .events = POLLIN};

        if (pid_fd >= 0)
                (void) poll(&fd, 1, (int) timeout_ms);
}

HolderProcess *holder_process_wait(HolderProcess *process, uint64_t timeout_ms)
{
        siginfo_t info = {};

        sd_event_source_disable_unref(process->source);
        if (process->pid > 0) {
                if (timeout_ms > 0)
                        wait_for_end(process->pid, timeout_ms);
                if (waitid(P_PID, (id_t) process->pid, &info, WEXITED | WNOHANG) < 0 ||
                    info.si_pid == 0) {
                        (void) kill(process->pid, SIGKILL);
                        while (waitid(P_PID, (id_t) process->pid, &info, WEXITED) < 0 &&
                               errno == EINTR)
                                ;
                }
                if (info.si_pid > 0)
                        log_end(&info);
        }
        free(process);
        return NULL;
}
