/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "client/libpasslock/transport/calls.h"
#include "client/libpasslock/transport/monitor.h"
#include "dbus/names.h"

/*
 * The daemon sends signals only to connections that have called it and may read links. So a monitor
 * lists one link: the reply starts the signals, or is the error to report. It lists again for each
 * new owner of the name; only the first call uses D-Bus activation.
 */
#define CHANGES_MAX 10000U

struct Change {
        TAILQ_ENTRY(Change) entry;
        passlock_monitor *monitor;
        enum passlock_links_change kind;
        int r;
        char *user_id;
        char *authenticator_id;
};

struct passlock_monitor {
        TAILQ_ENTRY(passlock_monitor) entry;
        passlock *client;
        char *label;          /* NULL: the default tenancy */
        char *path;           /* object path of the tenancy; NULL: not watched */
        passlock_call *watch; /* pending call */
        passlock_links_callback callback;
        void *userdata;
        size_t n_changes; /* queued changes */
};

static const Method watch_method = {PASSLOCK_INTERFACE_LINKS, "List", &result_link_page, 1,
                                    TAKES_NUMBER};

static Change *change_free(Change *change)
{
        free(change->user_id);
        free(change->authenticator_id);
        free(change);
        return NULL;
}
DEFINE_CLEANUP(Change *, change_free);

static void change_dequeue(Change *change)
{
        TAILQ_REMOVE(&change->monitor->client->changes, change, entry);
        change->monitor->n_changes--;
}

static void monitor_drop_changes(passlock_monitor *monitor)
{
        Change *next;

        for (Change *change = TAILQ_FIRST(&monitor->client->changes); change; change = next) {
                next = TAILQ_NEXT(change, entry);
                if (change->monitor != monitor)
                        continue;
                change_dequeue(change);
                change_free(change);
        }
}

static int change_new(enum passlock_links_change kind, int r, const char *user_id,
                      const char *authenticator_id, Change **ret)
{
        _cleanup_(change_freep) Change *change = calloc(1, sizeof(Change));

        if (!change)
                return -ENOMEM;
        change->kind = kind;
        change->r = r;
        change->user_id = user_id ? strdup(user_id) : NULL;
        change->authenticator_id = authenticator_id ? strdup(authenticator_id) : NULL;
        if ((user_id && !change->user_id) || (authenticator_id && !change->authenticator_id))
                return -ENOMEM;
        *ret = TAKE_PTR(change);
        return 0;
}

static void monitor_enqueue(passlock_monitor *monitor, enum passlock_links_change kind, int r,
                            const char *user_id, const char *authenticator_id)
{
        Change *change;

        if (monitor->n_changes >= CHANGES_MAX) {
                monitor_drop_changes(monitor);
                if (user_id) {
                        kind = PASSLOCK_LINKS_WATCHED;
                        user_id = authenticator_id = NULL;
                }
        }
        /* Out of memory: report the loss instead of dropping the change silently. */
        if (change_new(kind, r, user_id, authenticator_id, &change) < 0) {
                monitor_drop_changes(monitor);
                if (change_new(PASSLOCK_LINKS_LOST, -ENOMEM, NULL, NULL, &change) < 0)
                        return;
        }
        change->monitor = monitor;
        monitor->n_changes++;
        TAILQ_INSERT_TAIL(&monitor->client->changes, change, entry);
}

static void monitor_set_lost(passlock_monitor *monitor, int r)
{
        free(TAKE_PTR(monitor->path));
        monitor_enqueue(monitor, PASSLOCK_LINKS_LOST, r, NULL, NULL);
}

static void on_watch_done(int r, const char *path, void *userdata)
{
        passlock_monitor *monitor = userdata;

        monitor->watch = NULL;
        if (r != 0) {
                monitor_set_lost(monitor, r);
                return;
        }
        monitor->path = strdup(path);
        if (!monitor->path) {
                monitor_set_lost(monitor, -ENOMEM);
                return;
        }
        monitor_enqueue(monitor, PASSLOCK_LINKS_WATCHED, 0, NULL, NULL);
}

static int monitor_watch(passlock_monitor *monitor, bool auto_start)
{
        static const Arguments arguments = {.strings = {""}, .number = 1};

        return calls_begin_watch(monitor->client, monitor->label, &watch_method, &arguments,
                                 auto_start, on_watch_done, monitor, &monitor->watch);
}

/* Watches again if the service is running. */
static void monitor_watch_again(passlock_monitor *monitor)
{
        int r;

        monitor->watch = call_free(monitor->watch);
        if (!connection_get_owner(monitor->client->connection))
                return;
        r = monitor_watch(monitor, false);
        if (r < 0)
                monitor_set_lost(monitor, r);
}

void monitors_on_ready(passlock *client)
{
        passlock_monitor *monitor;

        TAILQ_FOREACH(monitor, &client->monitors, entry)
                if (!monitor->watch)
                        monitor_watch_again(monitor);
}

void monitors_on_lost(passlock *client)
{
        passlock_monitor *monitor;

        TAILQ_FOREACH(monitor, &client->monitors, entry)
                if (monitor->path)
                        monitor_set_lost(monitor, -ENOTCONN);
}

void monitors_on_owner_changed(passlock *client)
{
        passlock_monitor *monitor;

        TAILQ_FOREACH(monitor, &client->monitors, entry) {
                if (monitor->path)
                        monitor_set_lost(monitor, -EHOSTDOWN);
                monitor_watch_again(monitor);
        }
}

void monitors_on_signal(passlock *client, sd_bus_message *m)
{
        enum passlock_links_change kind;
        const char *user_id, *authenticator_id;
        passlock_monitor *monitor;

        if (sd_bus_message_is_signal(m, PASSLOCK_INTERFACE_LINKS, "Added") > 0)
                kind = PASSLOCK_LINKS_ADDED;
        else if (sd_bus_message_is_signal(m, PASSLOCK_INTERFACE_LINKS, "Removed") > 0)
                kind = PASSLOCK_LINKS_REMOVED;
        else
                return;
        if (sd_bus_message_read(m, "ss", &user_id, &authenticator_id) < 0)
                return;
        TAILQ_FOREACH(monitor, &client->monitors, entry)
                if (streq_ptr(monitor->path, sd_bus_message_get_path(m)))
                        monitor_enqueue(monitor, kind, 0, user_id, authenticator_id);
}

bool monitors_want_bus(passlock *client)
{
        return !TAILQ_EMPTY(&client->monitors);
}

bool monitors_deliver_one(passlock *client)
{
        _cleanup_(change_freep) Change *change = TAILQ_FIRST(&client->changes);

        if (!change)
                return false;
        change_dequeue(change);
        change->monitor->callback(client, change->kind, change->r, change->user_id,
                                  change->authenticator_id, change->monitor->userdata);
        return true;
}

static passlock_monitor *monitor_free(passlock_monitor *monitor)
{
        monitor_drop_changes(monitor);
        TAILQ_REMOVE(&monitor->client->monitors, monitor, entry);
        call_free(monitor->watch);
        free(monitor->label);
        free(monitor->path);
        free(monitor);
        return NULL;
}
DEFINE_CLEANUP(passlock_monitor *, monitor_free);

void monitors_free(passlock *client)
{
        passlock_monitor *monitor;

        while ((monitor = TAILQ_FIRST(&client->monitors)))
                monitor_free(monitor);
}

_public_ int passlock_links_monitor(passlock *client, passlock_links_callback callback,
                                    void *userdata, passlock_monitor **ret)
{
        _cleanup_(monitor_freep) passlock_monitor *monitor = NULL;
        int r;

        r = client_check(client);
        if (r < 0)
                return r;
        if (!callback)
                return -EINVAL;
        monitor = calloc(1, sizeof(passlock_monitor));
        if (!monitor)
                return -ENOMEM;
        monitor->client = client;
        monitor->callback = callback;
        monitor->userdata = userdata;
        TAILQ_INSERT_TAIL(&client->monitors, monitor, entry);
        if (client->label) {
                monitor->label = strdup(client->label);
                if (!monitor->label)
                        return -ENOMEM;
        }
        r = monitor_watch(monitor, true);
        if (r < 0)
                return r;
        client_wake(client);
        if (ret)
                *ret = monitor;
        TAKE_PTR(monitor);
        return 0;
}

_public_ passlock_monitor *passlock_monitor_cancel(passlock_monitor *monitor)
{
        if (!monitor || client_check(monitor->client) < 0)
                return NULL;
        return monitor_free(monitor);
}
