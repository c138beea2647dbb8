/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Opens a non-blocking socket that is connected to $NOTIFY_SOCKET; -1 without one. sd_notify(3)
 * opens a socket for each message, so it fails without descriptors, and does not report space in
 * the receiver's queue.
 */
int notify_socket_connect(void);
