/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/tenancy/sandbox.h"

/* HTTP server, single-threaded. */
typedef struct Server Server;

typedef struct ServerOptions {
        const char *address;           /* numeric; IPv6 without brackets */
        uint16_t port;                 /* 0: any */
        const char *certificate, *key; /* PEM; both, or NULL for plain HTTP */
} ServerOptions;

/*
 * Starts listening; borrows the sandbox. Returns 0 and an owned server, or a negative errno:
 * -EINVAL if the address is not numeric, -EPROTO if the certificate or key is invalid.
 */
int server_new(Sandbox *sandbox, const ServerOptions *options, Server **ret);
Server *server_free(Server *server);
DEFINE_CLEANUP(Server *, server_free);

/* Returns the owned base URL of the server. */
char *server_url(const Server *server);

/*
 * Serves until stop_fd becomes readable. Returns 0 or a negative errno.
 */
int server_run(Server *server, int stop_fd);
