/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>

#include "client/passlockctl/terminal/interrupt.h"

struct Interrupt {
        sigset_t before;
        int fd;
};

int interrupt_new(Interrupt **ret)
{
        Interrupt *interrupt = calloc(1, sizeof(Interrupt));
        sigset_t set;
        int r;

        if (!interrupt)
                return -ENOMEM;
        sigemptyset(&set);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGHUP);
        sigaddset(&set, SIGQUIT);
        sigaddset(&set, SIGTSTP);
        interrupt->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        if (interrupt->fd < 0 || sigprocmask(SIG_BLOCK, &set, &interrupt->before) < 0) {
                r = -errno;
                closep(&interrupt->fd);
                free(interrupt);
                return r;
        }
        *ret = interrupt;
        return 0;
}

Interrupt *interrupt_free(Interrupt *interrupt)
{
        if (!interrupt)
                return NULL;
        close(interrupt->fd);
        (void) sigprocmask(SIG_SETMASK, &interrupt->before, NULL);
        free(interrupt);
        return NULL;
}

int interrupt_fd(const Interrupt *interrupt)
{
        return interrupt->fd;
}

bool interrupt_is_due(const Interrupt *interrupt)
{
        struct pollfd fd = {.events = POLLIN};

        if (!interrupt)
                return false;
        fd.fd = interrupt->fd;
        return poll(&fd, 1, 0) > 0;
}
