/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"
#include "daemon/core/links.h"
#include "daemon/status.h"

#define INTERVAL_USEC (1000U * 1000U)

/* Tenancies that fit into a line. */
#define TENANCIES_SHOWN_MAX 8U

/*
 * Updates at most once a second, without wake-ups when idle. The source `any` runs after the next
 * event, starts the timer and disables itself. The timer repeats while the text changes, and then
 * enables `any` again, which skips the timer's own event.
 */
struct Status {
        Notify *notify;
        StatusTextFunc text;
        void *userdata;
        sd_event_source *any;
        sd_event_source *timer;
        char *last;
};

/* Returns false if the text is unchanged. */
static bool update(Status *status)
{
        _cleanup_(freep) char *text = status->text(status->userdata);

        if (text && streq_ptr(text, status->last))
                return false;
        if (text && notify_status(status->notify, text)) {
                free(status->last);
                status->last = TAKE_PTR(text);
        }
        return true;
}

void status_update(Status *status)
{
        (void) update(status);
}

static int start_timer(Status *status)
{
        int r;

        r = log_errno_origin(sd_event_source_set_time_relative(status->timer, INTERVAL_USEC));
        return r < 0 ? r
                     : log_errno_origin(
                               sd_event_source_set_enabled(status->timer, SD_EVENT_ONESHOT));
}

static int on_first_event(sd_event_source *source, void *userdata)
{
        Status *status = userdata;
        int r;

        r = start_timer(status);
        return r < 0 ? r : log_errno_origin(sd_event_source_set_enabled(source, SD_EVENT_OFF));
}

static int on_status_timer(sd_event_source *timer _unused_, uint64_t usec _unused_, void *userdata)
{
        Status *status = userdata;

        if (update(status))
                return start_timer(status);
        return log_errno_origin(sd_event_source_set_enabled(status->any, SD_EVENT_ON));
}

int status_new(sd_event *event, Notify *notify, StatusTextFunc text, void *userdata, Status **ret)
{
        _cleanup_(status_freep) Status *status = calloc(1, sizeof(Status));
        int r;

        if (!status)
                return -ENOMEM;
        status->notify = notify;
        status->text = text;
        status->userdata = userdata;
        r = log_errno_origin(sd_event_add_time_relative(event, &status->timer, CLOCK_MONOTONIC,
                                                        INTERVAL_USEC, 0, on_status_timer, status));
        if (r >= 0)
                r = log_errno_origin(
                        sd_event_add_post(event, &status->any, on_first_event, status));
        if (r >= 0)
                r = log_errno_origin(sd_event_source_set_enabled(status->any, SD_EVENT_OFF));
        if (r < 0)
                return r;
        status_update(status);
        *ret = TAKE_PTR(status);
        return 0;
}

Status *status_free(Status *status)
{
        if (!status)
                return NULL;
        sd_event_source_disable_unref(status->any);
        sd_event_source_disable_unref(status->timer);
        free(status->last);
        free(status);
        return NULL;
}

/* The text */

static void describe_tenancy(FILE *to, Tenancy *tenancy)
{
        uint64_t n_links;

        fprintf(to, "%s %s", tenancy_label(tenancy),
                tenancy_state_to_string(tenancy_state(tenancy)));
        if (links_count(tenancy, &n_links) == 0)
                fprintf(to, " (%" PRIu64 " link%s)", n_links, n_links == 1 ? "" : "s");
        else
                fputs(" (store failed)", to);
}

static void write_status(FILE *to, Tenancy *const *tenancies, size_t n_tenancies, size_t n_calls)
{
        for (size_t i = 0; i < n_tenancies && i < TENANCIES_SHOWN_MAX; i++) {
                fputs(i == 0 ? "" : ", ", to);
                describe_tenancy(to, tenancies[i]);
        }
        if (n_tenancies > TENANCIES_SHOWN_MAX)
                fprintf(to, " and %zu more", n_tenancies - TENANCIES_SHOWN_MAX);
        fprintf(to, "%s; %zu call%s in flight", n_tenancies == 0 ? "no tenancies" : "", n_calls,
                n_calls == 1 ? "" : "s");
}

char *status_describe(Tenancy *const *tenancies, size_t n_tenancies, size_t n_calls, bool stopping)
{
        _cleanup_(freep) char *text = NULL;
        size_t size;
        FILE *to = open_memstream(&text, &size);

        if (!to)
                return NULL;
        fputs(stopping ? "Stopping: " : "", to);
        write_status(to, tenancies, n_tenancies, n_calls);
        return fclose(to) == 0 ? TAKE_PTR(text) : NULL;
}
