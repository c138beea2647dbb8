/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <semaphore.h>

#include "tests/unit/keyholder/http/raw-peer.h"

/* A server that replays a script of replies, valid or not. */

#define OK_HEAD      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
#define OK(body)     OK_HEAD "Connection: close\r\n\r\n" body
#define SERVER_ERROR "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"
#define JSON_ERROR(status, tag) \
        "HTTP/1.1 " status "\r\nConnection: close\r\n\r\n{\"_tag\":\"@error/" tag \
        "\",\"message\":\"m\"}"

/* Script entries other than replies: never answer, close the connection, send 20 MiB. */
extern const char script_hang[], script_cut[], script_huge[];

/* The n-th request gets the n-th line; the last line is repeated. */
typedef struct Script {
        const char *lines[8];
        sem_t *gate; /* waited for before each reply; NULL: none */
} Script;

/* A RawPeerFunc for a Script. */
void script_follow(RawPeer *peer, int fd, unsigned n, void *userdata);
