/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* Periodic sd_notify messages that never block: without room, a message is skipped. Works without
 * $NOTIFY_SOCKET. */
typedef struct Notify Notify;

/* Returns 0 or -ENOMEM. */
int notify_new(Notify **ret);
Notify *notify_free(Notify *notify);
DEFINE_CLEANUP(Notify *, notify_free);

/* Sends a watchdog ping. Returns false if it was not sent: the socket is full. */
bool notify_alive(Notify *notify);
/* Sends the status line of `systemctl status`. Returns false if the previous one is still unread.
 */
bool notify_status(Notify *notify, const char *text);
