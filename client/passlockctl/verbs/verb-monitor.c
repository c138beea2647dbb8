/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <poll.h>
#include <stdio.h>

#include "base/safe-text.h"
#include "client/passlockctl/doctor/service.h"
#include "client/passlockctl/terminal/record.h"
#include "client/passlockctl/terminal/report.h"
#include "client/passlockctl/verbs/verbs.h"

typedef struct Monitor {
        bool json;
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
        _cleanup_(freep) char *user = safe_text_new(user_id ?: "", NULL);
        _cleanup_(freep) char *authenticator = safe_text_new(authenticator_id ?: "", NULL);

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

int verb_monitor(Invocation *invocation)
{
        Monitor monitor = {.json = invocation->json};
        int r;

        /* The monitor waits for a service that fails to start, but the failure is reported. */
        (void) service_require(invocation);

        r = passlock_links_monitor(invocation->client, on_change, &monitor, NULL);
        while (r == 0 && !monitor.ended) {
                struct pollfd fd = {.fd = passlock_get_fd(invocation->client), .events = POLLIN};

                if (poll(&fd, 1, -1) < 0 && errno != EINTR)
                        r = -errno;
                else
                        r = passlock_dispatch(invocation->client);
        }
        if (r != 0) {
                report("%s", passlock_strerror(r));
                return exit_status(r);
        }
        return monitor.status;
}
