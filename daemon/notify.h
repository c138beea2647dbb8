/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "base/macro.h"

/* sd_notify messages that never block. Does nothing without $NOTIFY_SOCKET. */
typedef struct Notify Notify;

/* Returns 0 or a negative errno. */
int notify_new(sd_event *event, Notify **ret);
Notify *notify_free(Notify *notify);
DEFINE_CLEANUP(Notify *, notify_free);

/* Queue RELOADING=1, READY=1 and STOPPING=1; the event loop sends them when the socket has space.
 * Outdated messages may be skipped: READY=1 before another reload, and all before STOPPING=1. */
void notify_reloading(Notify *notify);
void notify_ready(Notify *notify);
void notify_stopping(Notify *notify);

/* The messages below are dropped if the socket is full; the caller sends them again later. */

/* Sends a watchdog ping. Returns false if it was not sent: the socket is full. */
bool notify_alive(Notify *notify);
/* Sends the status line of `systemctl status`. Returns false if the previous one is still unread.
 */
bool notify_status(Notify *notify, const char *text);
