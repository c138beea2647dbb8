/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Connects to the Unix socket on which systemd starts the key holder. Does not block. Returns 0
 * with the descriptor, or a negative errno. */
int holder_socket_connect(const char *path, int *ret_fd);
