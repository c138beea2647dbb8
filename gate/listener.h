/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* A unix socket at a path. */
typedef struct Listener Listener;

/*
 * Listens at `path`, with mode 0660. A socket that nobody listens on is replaced; any other file is
 * -EADDRINUSE. Of several processes that start at once, the one that locks `path`.lock goes on, and
 * the others get -EADDRINUSE. Returns 0 or a negative errno, and logs the reason. The caller owns
 * the descriptor.
 */
int listener_open(const char *path, int *ret_fd, Listener **ret);

/* Removes the socket, if it still is the one at the path. Returns NULL. */
Listener *listener_free(Listener *listener);
DEFINE_CLEANUP(Listener *, listener_free);

/* The socket from systemd, see sd_listen_fds(3). Returns the descriptor or a negative errno, and
 * logs the reason. */
int listener_from_systemd(void);
