/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

#include "client/passlockctl/host/command.h"

#define STATUS_MISSING 127

static int add_descriptor(posix_spawn_file_actions_t *actions, int fd, int to, int flags)
{
        if (fd < 0)
                return posix_spawn_file_actions_addopen(actions, to, "/dev/null", flags, 0);
        return posix_spawn_file_actions_adddup2(actions, fd, to);
}

/* Returns 0 or a positive errno, as posix_spawn(). */
static int start(const char *const argv[], int stdin_fd, int stdout_fd, int stderr_fd, pid_t *ret)
{
        posix_spawn_file_actions_t actions;
        int e;

        e = posix_spawn_file_actions_init(&actions);
        if (e != 0)
                return e;
        e = add_descriptor(&actions, stdin_fd, STDIN_FILENO, O_RDONLY);
        if (e == 0)
                e = add_descriptor(&actions, stdout_fd, STDOUT_FILENO, O_WRONLY);
        if (e == 0)
                e = add_descriptor(&actions, stderr_fd, STDERR_FILENO, O_WRONLY);
        if (e == 0)
                e = posix_spawnp(ret, argv[0], &actions, NULL, (char *const *) argv, environ);
        posix_spawn_file_actions_destroy(&actions);
        return e;
}

static int wait_for(pid_t pid)
{
        int status;

        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int command_run(const char *const argv[], int stdin_fd, int stdout_fd, int stderr_fd)
{
        pid_t pid;
        int e;

        e = start(argv, stdin_fd, stdout_fd, stderr_fd, &pid);
        if (e == ENOENT)
                return STATUS_MISSING;
        return e != 0 ? -e : wait_for(pid);
}

/* Reads to the end of file, but keeps only `size` bytes. */
static void read_output(int fd, char *output, size_t size)
{
        size_t len = 0;

        for (;;) {
                char rest[512];
                bool full = len == size - 1;
                ssize_t n =
                        read(fd, full ? rest : output + len, full ? sizeof(rest) : size - 1 - len);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        break;
                if (!full)
                        len += (size_t) n;
        }
        output[len] = '\0';
}

static int read_from(const char *const argv[], bool stderr_text, char *output, size_t size)
{
        _cleanup_(closep) int read_fd = -1, write_fd = -1;
        int fds[2], e;
        pid_t pid;

        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        read_fd = fds[0];
        write_fd = fds[1];
        e = start(argv, -1, stderr_text ? -1 : write_fd, stderr_text ? write_fd : -1, &pid);
        if (e == ENOENT)
                return STATUS_MISSING;
        if (e != 0)
                return -e;
        close(TAKE_FD(write_fd));
        read_output(read_fd, output, size);
        return wait_for(pid);
}

int command_read_stdout(const char *const argv[], char *output, size_t size)
{
        return read_from(argv, false, output, size);
}

int command_read_stderr(const char *const argv[], char *output, size_t size)
{
        return read_from(argv, true, output, size);
}
