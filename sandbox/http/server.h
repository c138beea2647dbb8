/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/tenancy/sandbox.h"

/* The HTTP side of a sandbox. Everything happens on the thread that runs it. */
typedef struct Server Server;

typedef struct ServerOptions {
        const char *address;           /* numeric; IPv6 without brackets */
        uint16_t port;                 /* 0: any */
        const char *certificate, *key; /* PEM; both, or NULL for plain HTTP */
} ServerOptions;

/*
 * Starts to listen; the sandbox is borrowed. Returns 0 and an owned server, or a negative errno:
 * -EINVAL if the address is not numeric, -EPROTO if certificate and key are no good.
 */
int server_new(Sandbox *sandbox, const ServerOptions *options, Server **ret);
Server *server_free(Server *server);
DEFINE_CLEANUP(Server *, server_free);

/* Returns the owned URL of the place where the server listens. */
char *server_url(const Server *server);

/*
 * Serves until stop_fd becomes readable. Returns 0 or a negative errno.
 */
int server_run(Server *server, int stop_fd);
