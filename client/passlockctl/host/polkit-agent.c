/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/macro.h"
#include "client/passlockctl/host/polkit-agent.h"

#define READY_TIMEOUT_MS 10000

/* pkttyagent opens the terminal itself; discard its error messages. */
static void redirect_stdio_to_null(void)
{
        int fd = open("/dev/null", O_RDWR);

        if (fd < 0)
                return;
        (void) dup2(fd, STDIN_FILENO);
        (void) dup2(fd, STDOUT_FILENO);
        (void) dup2(fd, STDERR_FILENO);
        if (fd > STDERR_FILENO)
                close(fd);
}

/* In a session, prefer its graphical agent. Outside a session polkit ignores fallback agents. */
static const char *fallback_option(void)
{
        return getenv("XDG_SESSION_ID") ? "--fallback" : NULL;
}

_Noreturn static void exec_polkit_agent(pid_t client, int notify_fd)
{
        char process[32], fd[32];

        (void) prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (getppid() != client)
                _exit(EXIT_FAILURE);
        redirect_stdio_to_null();
        snprintf(process, sizeof(process), "%d", (int) client);
        snprintf(fd, sizeof(fd), "%d", notify_fd);
        if (fcntl(notify_fd, F_SETFD, 0) == 0)
                execlp("pkttyagent", "pkttyagent", "--process", process, "--notify-fd", fd,
                       fallback_option(), NULL);
        _exit(EXIT_FAILURE);
}

/* pkttyagent closes the pipe when it is registered or exits. */
static void wait_until_ready(int fd)
{
        struct pollfd poll_fd = {.fd = fd};

        while (poll(&poll_fd, 1, READY_TIMEOUT_MS) < 0 && errno == EINTR)
                ;
}

pid_t polkit_agent_start(void)
{
        _cleanup_(closep) int read_fd = -1, write_fd = -1;
        pid_t client = getpid(), pid;
        int fds[2];

        if (pipe2(fds, O_CLOEXEC) < 0)
                return 0;
        read_fd = fds[0];
        write_fd = fds[1];
        pid = fork();
        if (pid < 0)
                return 0;
        if (pid == 0)
                exec_polkit_agent(client, write_fd);
        close(TAKE_FD(write_fd));
        wait_until_ready(read_fd);
        return pid;
}

void polkit_agent_stop(pid_t pid)
{
        if (pid == 0)
                return;
        (void) kill(pid, SIGTERM);
        /* The agent may be stopped (SIGTTIN, SIGTTOU) as a background job. */
        (void) kill(pid, SIGCONT);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                ;
}
