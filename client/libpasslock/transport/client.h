/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/queue.h>
#include <systemd/sd-event.h>

#include "base/macro.h"
#include "client/libpasslock/passlock.h"
#include "client/libpasslock/transport/connection.h"

/*
 * State shared by calls and monitors. The client has its own event loop, which passlock_dispatch()
 * and synchronous calls run. Event handlers advance calls and monitors but never call the app:
 * completed calls are queued in `finished`, changes in `changes`, and passlock_dispatch() delivers
 * both after the loop has run. So a callback may call any function of the library.
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
        bool interactive;           /* allow interactive authorization */
        bool assumes_default_label; /* GetTenancy was denied; see call.h */
        char *label;                /* NULL: the default tenancy */

        struct CallList calls;              /* queued or sent */
        unsigned n_sent;                    /* number of calls in state SENT */
        struct CallList long_running_calls; /* pending, each with a dedicated connection */
        struct CallList finished;           /* to be delivered */
        struct MonitorList monitors;
        struct ChangeList changes; /* to be delivered */

        int last_r;
        char *last_error_text;
};

/* Returns 0, -EINVAL for NULL, -ECHILD after fork(). */
int client_check(const passlock *client);

/* Makes the public descriptor readable, so that passlock_dispatch() is called. */
void client_wake(passlock *client);

/*
 * Processes pending events without blocking and without callbacks. Returns 0 or a negative errno.
 */
int client_process(passlock *client);
