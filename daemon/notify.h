/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "base/macro.h"

/*
 * What systemd is told. Unlike sd_notify(), none of this waits if nobody reads it. Fine to use
 * without a $NOTIFY_SOCKET.
 */
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

/* All is well: see WatchdogSec= in systemd.service(5). False if it has not been sent; anybody can
 * keep systemd's socket so full that one that does not wait seldom gets in. */
bool notify_alive(Notify *notify);
/* The line that `systemctl status` shows. False if it has not been sent, since the one before it
 * has not been read yet. */
bool notify_status(Notify *notify, const char *text);
