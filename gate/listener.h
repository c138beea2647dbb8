/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Listens on a unix socket at `path`, which replaces one that nobody listens on; its mode is 0660.
 * Returns the descriptor or a negative errno, and logs the reason.
 */
int listener_open(const char *path);

/* The socket from systemd, see sd_listen_fds(3). Returns the descriptor or a negative errno, and
 * logs the reason. */
int listener_from_systemd(void);
