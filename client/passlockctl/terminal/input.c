/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <termios.h>

#include "client/passlockctl/terminal/input.h"
#include "client/passlockctl/terminal/interrupt.h"
#include "client/passlockctl/terminal/report.h"

bool input_line(char *line, size_t size)
{
        if (!fgets(line, (int) size, stdin))
                return false;
        line[strcspn(line, "\n")] = '\0';
        return true;
}

const char *input_argument(const char *argument, const char *what, char *line, size_t size)
{
        if (argument && !streq(argument, "-"))
                return argument;
        if (input_line(line, size))
                return line;
        report("Failed to read %s: standard input is empty", what);
        return NULL;
}

bool input_confirm(const Invocation *invocation, const char *question)
{
        char answer[8];

        if (invocation->yes || !isatty(STDIN_FILENO))
                return true;
        fprintf(stderr, "%s [y/N] ", question);
        if (input_line(answer, sizeof(answer)) && (streq(answer, "y") || streq(answer, "yes")))
                return true;
        report("Cancelled, nothing was changed");
        return false;
}

/* Returns 1 if input is available, or -EINTR on a signal. */
static int wait_for_input(const Interrupt *interrupt)
{
        struct pollfd fds[] = {
                {.fd = STDIN_FILENO, .events = POLLIN},
                {.fd = interrupt_fd(interrupt), .events = POLLIN},
        };

        if (poll(fds, 2, -1) < 0)
                return -errno;
        return fds[1].revents ? -EINTR : 1;
}

/* Reads a line without the newline. Returns its length. */
static ssize_t read_line(char *line, size_t size, const Interrupt *interrupt)
{
        size_t len = 0;

        while (len < size) {
                ssize_t n;

                n = wait_for_input(interrupt);
                if (n > 0)
                        n = read(STDIN_FILENO, line + len, 1);
                if (n < 0)
                        return n == -1 ? -errno : n;
                if (n == 0 || line[len] == '\n')
                        return (ssize_t) len;
                len++;
        }
        return -E2BIG;
}

/* Accepts CR LF line ends. */
static int read_secret(const Interrupt *interrupt, Secret **ret)
{
        char line[SECRET_LEN_MAX + 1];
        ssize_t len;
        int r;

        len = read_line(line, sizeof(line), interrupt);
        if (len > 0 && line[len - 1] == '\r')
                len--;
        r = len < 0 ? (int) len : secret_new(line, (size_t) len, ret);
        explicit_bzero(line, sizeof(line));
        return r;
}

static int read_secret_without_echo(const char *prompt, const Interrupt *interrupt, Secret **ret)
{
        struct termios before, quiet;
        int r;

        if (tcgetattr(STDIN_FILENO, &before) < 0)
                return -errno;
        quiet = before;
        quiet.c_lflag &= ~(tcflag_t) (ECHO | ECHOE | ECHOK | ECHONL);
        if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) < 0)
                return -errno;
        fputs(prompt, stderr);
        r = read_secret(interrupt, ret);
        fputc('\n', stderr);
        (void) tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        return r;
}

int input_secret(const char *prompt, Secret **ret)
{
        _cleanup_(interrupt_freep) Interrupt *interrupt = NULL;
        int r;

        r = interrupt_new(&interrupt);
        if (r < 0)
                return r;
        return isatty(STDIN_FILENO) ? read_secret_without_echo(prompt, interrupt, ret)
                                    : read_secret(interrupt, ret);
}
