/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <sys/socket.h>
#include <sys/un.h>

#include "base/macro.h"
#include "base/notify-socket.h"

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

int notify_socket_connect(void)
{
        const char *text = getenv("NOTIFY_SOCKET");
        _cleanup_(closep) int fd = -1;
        struct sockaddr_un address;
        socklen_t len;

        if (!text || !parse_address(text, &address, &len))
                return -1;
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0 || connect(fd, (const struct sockaddr *) &address, len) < 0)
                return -1;
        return TAKE_FD(fd);
}
