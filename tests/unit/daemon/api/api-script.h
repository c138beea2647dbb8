/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <semaphore.h>

#include "tests/unit/daemon/http/raw-peer.h"

/* A peer that follows a script, right or wrong, as an API of any quality may. */

#define OK_HEAD      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
#define OK(body)     OK_HEAD "Connection: close\r\n\r\n" body
#define SERVER_ERROR "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"
#define JSON_ERROR(status, tag) \
        "HTTP/1.1 " status "\r\nConnection: close\r\n\r\n{\"_tag\":\"@error/" tag \
        "\",\"message\":\"m\"}"

/* What may stand in a script instead of a reply: never to answer, to end the connection, and a body
 * of 20 MiB. */
extern const char script_hang[], script_cut[], script_huge[];

/* What a peer does with requests: the first gets the first line, and so on; the last is for all
 * others. */
typedef struct Script {
        const char *lines[8];
        sem_t *gate; /* NULL, or to be waited for before each reply */
} Script;

/* A RawPeerFunc for a Script. */
void script_follow(RawPeer *peer, int fd, unsigned n, void *userdata);
