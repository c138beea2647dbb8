/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tests/unit/daemon/api/api-script.h"

const char script_hang[] = "hang", script_cut[] = "cut", script_huge[] = "huge";

static void serve_huge_body(int fd)
{
        char chunk[4096];

        memset(chunk, ' ', sizeof(chunk));
        raw_peer_print(fd, OK_HEAD "Content-Length: 20971520\r\n\r\n");
        for (size_t n = 0; n < 20971520; n += sizeof(chunk))
                if (!raw_peer_write(fd, chunk, sizeof(chunk)))
                        return;
}

void script_follow(RawPeer *peer, int fd, unsigned n, void *userdata)
{
        const Script *script = userdata;

        while (raw_peer_read(peer, fd)) {
                size_t i = 0;

                while (i + 1 < raw_peer_n_requests(peer) && script->lines[i + 1])
                        i++;
                if (script->gate)
                        sem_wait(script->gate);
                if (script->lines[i] == script_cut)
                        return;
                if (script->lines[i] == script_hang)
                        raw_peer_hang(fd);
                else if (script->lines[i] == script_huge)
                        serve_huge_body(fd);
                else
                        raw_peer_print(fd, script->lines[i]);
                if (strstr(script->lines[i], "Connection: close"))
                        return;
        }
}
