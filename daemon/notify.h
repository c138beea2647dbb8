/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/*
 * What systemd is told again and again. Unlike sd_notify(), none of this waits if nobody reads it:
 * it is not sent, and the next one is. Fine to use without a $NOTIFY_SOCKET.
 */
typedef struct Notify Notify;

/* Returns 0 or -ENOMEM. */
int notify_new(Notify **ret);
Notify *notify_free(Notify *notify);
DEFINE_CLEANUP(Notify *, notify_free);

/* All is well: see WatchdogSec= in systemd.service(5). False if it has not been sent; anybody can
 * keep systemd's socket so full that one that does not wait seldom gets in. */
bool notify_alive(Notify *notify);
/* The line that `systemctl status` shows. False if it has not been sent, since the one before it
 * has not been read yet. */
bool notify_status(Notify *notify, const char *text);
