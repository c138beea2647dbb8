/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>
#include <systemd/sd-event.h>

#include "base/macro.h"

/* A listening Unix socket that systemd has passed: waits for the connection of the daemon. */
typedef struct Listener Listener;

/* The daemon has connected; takes the socket. Called once. */
typedef void (*ListenerFunc)(int fd, void *userdata);

/* Takes the listening socket, also on failure. Refuses other users than `uid`. Returns 0 or a
 * negative errno. */
int listener_new(sd_event *event, int fd, uid_t uid, ListenerFunc func, void *userdata,
                 Listener **ret);
/* NULL is fine. Returns NULL. */
Listener *listener_free(Listener *listener);
DEFINE_CLEANUP(Listener *, listener_free);

/* Whether the peer of a connected Unix socket is the user. Returns 0, -EPERM, or another negative
 * errno if that is unknown. */
int listener_check_peer(int fd, uid_t uid);
