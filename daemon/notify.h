/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "base/macro.h"

/* Periodic sd_notify messages that never block: without room, a message is skipped. Works without
 * $NOTIFY_SOCKET. */
typedef struct Notify Notify;

/* Returns 0 or a negative errno. */
int notify_new(sd_event *event, Notify **ret);
Notify *notify_free(Notify *notify);
DEFINE_CLEANUP(Notify *, notify_free);

/* RELOADING=1, READY=1 and STOPPING=1 are sent as soon as there is room for them, from the event
 * loop. Those that a later one makes pointless may be left out: READY=1 before another reload, and
 * all before the stop. */
void notify_reloading(Notify *notify);
void notify_ready(Notify *notify);
void notify_stopping(Notify *notify);

/* The others are not sent if there is no room for them, and the next one is. */

/* Sends a watchdog ping. Returns false if it was not sent: the socket is full. */
bool notify_alive(Notify *notify);
/* Sends the status line of `systemctl status`. Returns false if the previous one is still unread.
 */
bool notify_status(Notify *notify, const char *text);
