/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/queue.h>
#include <systemd/sd-event.h>

#include "base/macro.h"
#include "client/libpasslock/passlock.h"
#include "client/libpasslock/transport/connection.h"

/*
 * What the parts of a client share. Its event loop is its own: passlock_dispatch() and synchronous
 * calls run it, and what happens there moves calls and monitors on, but calls nothing of the app's.
 * What has ended waits in `finished`, what a monitor saw in `changes`, and passlock_dispatch()
 * hands both out when the loop has come to rest. So a callback meets no half-done state, whatever
 * it does.
 */

typedef struct Change Change;
TAILQ_HEAD(CallList, passlock_call);
TAILQ_HEAD(MonitorList, passlock_monitor);
TAILQ_HEAD(ChangeList, Change);

struct passlock {
        unsigned n_ref;
        pid_t pid;
        bool delivering; /* a callback is running */

        sd_event *event;
        sd_event_source *wake_source;
        int wake_fd;
        Connection *connection;

        uint32_t timeout_ms;
        bool interactive;           /* calls may have somebody authenticate */
        bool assumes_default_label; /* such calls were not told the default one; see call.h */
        char *label;                /* NULL: the default tenancy */

        struct CallList calls;              /* on their way */
        unsigned n_sent;                    /* of these: waited for by the bus */
        struct CallList long_running_calls; /* on their way, each on a connection of its own */
        struct CallList finished;           /* to be handed out */
        struct MonitorList monitors;
        struct ChangeList changes; /* to be handed out */

        int last_r;
        char *last_error_text;
};

/* Returns 0, -EINVAL for NULL, -ECHILD after fork(). */
int client_check(const passlock *client);

/* Makes the public descriptor readable, so that passlock_dispatch() is called. */
void client_wake(passlock *client);

/* Handles what has happened, without waiting and without a callback. Returns 0 or a negative errno.
 */
int client_process(passlock *client);
