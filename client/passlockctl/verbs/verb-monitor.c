/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <poll.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/safe-text.h"
#include "client/passlockctl/doctor/service.h"
#include "client/passlockctl/terminal/record.h"
#include "client/passlockctl/terminal/report.h"
#include "client/passlockctl/verbs/verbs.h"

#define FIRST_REPLY_MS_DEFAULT 30000U

typedef struct Monitor {
        bool json;
        bool begun; /* has had a reply */
        bool ended;
        int status; /* exit status */
} Monitor;

static const char *change_name(enum passlock_links_change change)
{
        switch (change) {
        case PASSLOCK_LINKS_ADDED:
                return "added";
        case PASSLOCK_LINKS_REMOVED:
                return "removed";
        case PASSLOCK_LINKS_WATCHED:
                return "watched";
        case PASSLOCK_LINKS_LOST:
                return "lost";
        }
        return NULL;
}

static int print_json(const char *name, int r, const char *user_id, const char *authenticator_id)
{
        _cleanup_(record_freep) Record *record = record_new();

        record_put_string(record, NULL, "change", name);
        if (user_id) {
                record_put_string(record, NULL, "user_id", user_id);
                record_put_string(record, NULL, "authenticator_id", authenticator_id);
        }
        if (r != 0)
                record_put_string(record, NULL, "error", passlock_strerror(r));
        return record_print(record, true);
}

static int print_line(const char *name, int r, const char *user_id, const char *authenticator_id)
{
        _cleanup_(freep) char *user = safe_text_new(user_id ?: "");
        _cleanup_(freep) char *authenticator = safe_text_new(authenticator_id ?: "");

        if (!user || !authenticator)
                return -ENOMEM;
        if (user_id)
                printf("%-7s  %s  %s\n", name, user, authenticator);
        else if (r != 0)
                printf("%-7s  (%s)\n", name, passlock_strerror(r));
        else
                puts(name);
        return 0;
}

static void on_change(passlock *client, enum passlock_links_change change, int r,
                      const char *user_id, const char *authenticator_id, void *userdata)
{
        const char *name = change_name(change);
        Monitor *monitor = userdata;
        int q;

        monitor->begun = true;
        if (!name)
                return;
        q = monitor->json ? print_json(name, r, user_id, authenticator_id)
                          : print_line(name, r, user_id, authenticator_id);
        if (q == 0 && fflush(stdout) != 0)
                (void) report_write_error(errno);
        else if (q < 0 || r > 0)
                report("%s", passlock_strerror(q < 0 ? q : r));
        else
                return;
        monitor->ended = true;
        monitor->status = q == 0 && r > 0 ? exit_status(r) : EXIT_OURS;
}

/* Waits up to the deadline; UINT64_MAX: none. Returns 0, -ETIMEDOUT or another negative errno. */
static int wait_until(passlock *client, uint64_t deadline_ms)
{
        struct pollfd fd = {.fd = passlock_get_fd(client), .events = POLLIN};
        uint64_t now_ms = monotonic_ms();
        int n;

        if (now_ms >= deadline_ms)
                return -ETIMEDOUT;
        n = poll(&fd, 1, deadline_ms == UINT64_MAX ? -1 : (int) (deadline_ms - now_ms));
        return n < 0 && errno != EINTR ? -errno : passlock_dispatch(client);
}

/* Without --timeout, reports the missing reply and keeps waiting: the daemon may be stopped for
 * long. */
static int handle_silence(const Invocation *invocation, uint64_t *deadline_ms)
{
        if (invocation->timeout_ms > 0)
                return -ETIMEDOUT;
        report("No reply from the daemon or the bus within %u s; still waiting",
               FIRST_REPLY_MS_DEFAULT / 1000);
        *deadline_ms = UINT64_MAX;
        return 0;
}

static int watch(const Invocation *invocation, Monitor *monitor)
{
        uint64_t deadline_ms = monotonic_ms() + (invocation->timeout_ms ?: FIRST_REPLY_MS_DEFAULT);
        int r;

        r = passlock_links_monitor(invocation->client, on_change, monitor, NULL);
        while (r == 0 && !monitor->ended) {
                r = wait_until(invocation->client, monitor->begun ? UINT64_MAX : deadline_ms);
                if (r == -ETIMEDOUT)
                        r = handle_silence(invocation, &deadline_ms);
        }
        return r;
}

int verb_monitor(Invocation *invocation)
{
        Monitor monitor = {.json = invocation->json};
        int r;

        /* Report a failed start, but wait for a later one. */
        (void) service_require(invocation);

        r = watch(invocation, &monitor);
        if (r != 0) {
                report("%s", passlock_strerror(r));
                return exit_status(r);
        }
        return monitor.status;
}
