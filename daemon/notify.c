/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "daemon/notify.h"

struct Notify {
        int fd; /* -1: no $NOTIFY_SOCKET */
        struct sockaddr_un address;
        socklen_t address_len;
};

static bool parse_address(const char *text, struct sockaddr_un *ret, socklen_t *ret_len)
{
        size_t len = strlen(text);

        if ((text[0] != '/' && text[0] != '@') || len >= sizeof(ret->sun_path))
                return false;
        *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
        memcpy(ret->sun_path, text, len);
        if (text[0] == '@')
                ret->sun_path[0] = '\0'; /* abstract */
        else
                len++;
        *ret_len = (socklen_t) (offsetof(struct sockaddr_un, sun_path) + len);
        return true;
}

int notify_new(Notify **ret)
{
        _cleanup_(notify_freep) Notify *notify = calloc(1, sizeof(Notify));
        const char *address = getenv("NOTIFY_SOCKET");

        if (!notify)
                return -ENOMEM;
        notify->fd = -1;
        if (address && parse_address(address, &notify->address, &notify->address_len))
                notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        *ret = TAKE_PTR(notify);
        return 0;
}

Notify *notify_free(Notify *notify)
{
        if (!notify)
                return NULL;
        closep(&notify->fd);
        free(notify);
        return NULL;
}

static bool send_text(Notify *notify, const char *text)
{
        return sendto(notify->fd, text, strlen(text), MSG_NOSIGNAL,
                      (const struct sockaddr *) &notify->address, notify->address_len) >= 0;
}

bool notify_alive(Notify *notify)
{
        return notify->fd < 0 || send_text(notify, "WATCHDOG=1");
}

bool notify_status(Notify *notify, const char *text)
{
        _cleanup_(freep) char *assignment = NULL;
        int n_unread = 0;

        if (notify->fd < 0)
                return true;
        /* One unread status at a time: leaves room for watchdog pings. */
        if (ioctl(notify->fd, SIOCOUTQ, &n_unread) == 0 && n_unread > 0)
                return false;
        if (asprintf(&assignment, "STATUS=%s", text) < 0) {
                assignment = NULL;
                return false;
        }
        return send_text(notify, assignment);
}
