/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "client/libpasslock/transport/calls.h"
#include "client/libpasslock/transport/monitor.h"
#include "dbus/names.h"

/*
 * A monitor calls Subscribe when it is created, for each new owner of the name, and after
 * SubscriptionLost; only the first call uses D-Bus activation.
 *
 * The daemon has one subscription per connection and tenancy, which the client's monitors of that
 * tenancy share: each of them calls Subscribe, which is idempotent, and cancelling the last one
 * calls Unsubscribe. The daemon handles both in the order of their arrival, so a Subscribe sent
 * after an Unsubscribe takes effect.
 *
 * A SubscriptionLost that arrives before the reply to a sent Subscribe makes the reply stale: the
 * loss may be older or newer than the new subscription. The monitor then calls Subscribe again
 * after the reply, so that there is at most one call in flight per monitor however many signals
 * arrive. A failed Subscribe is not retried before the next owner of the name.
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
        passlock_call *watch; /* pending Subscribe */
        bool watch_is_stale;  /* SubscriptionLost arrived before the reply */
        /* The connection may be subscribed even if `watch` fails. */
        bool unsubscribe_on_failure;
        passlock_links_callback callback;
        void *userdata;
        size_t n_changes; /* queued changes */
};

static const Method watch_method = {PASSLOCK_INTERFACE_LINKS, "Subscribe", &result_none};

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

/* Object path that Subscribe was sent to; NULL: not sent, failed or lost. */
static const char *monitor_get_subscribed_path(const passlock_monitor *monitor)
{
        if (monitor->watch)
                return monitor->watch->state == CALL_SENT ? monitor->watch->path : NULL;
        return monitor->path;
}

/*
 * While the name has no owner, Subscribe waits for D-Bus activation, and Unsubscribe must wait as
 * well. If Unsubscribe cannot be sent, the client ignores the signals.
 */
static void unsubscribe(passlock *client, const char *path)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        sd_bus *bus = connection_get_bus(client->connection);

        if (bus &&
            sd_bus_message_new_method_call(bus, &m, PASSLOCK_BUS_NAME, path,
                                           PASSLOCK_INTERFACE_LINKS, "Unsubscribe") >= 0 &&
            sd_bus_message_set_expect_reply(m, false) >= 0 &&
            sd_bus_message_set_auto_start(m, !connection_get_owner(client->connection)) >= 0)
                (void) sd_bus_send(bus, m, NULL);
}

/* Ends the subscription unless other monitors share it. */
static void monitor_unsubscribe(passlock_monitor *monitor, const char *path)
{
        passlock_monitor *other;
        bool shared = false;

        TAILQ_FOREACH(other, &monitor->client->monitors, entry) {
                if (other == monitor || !streq_ptr(monitor_get_subscribed_path(other), path))
                        continue;
                other->unsubscribe_on_failure = true;
                shared = true;
        }
        if (!shared)
                unsubscribe(monitor->client, path);
}

static int monitor_watch(passlock_monitor *monitor, bool auto_start);

static void on_watch_done(int r, const char *path, void *userdata)
{
        passlock_monitor *monitor = userdata;

        monitor->watch = NULL;
        if (r == 0 && monitor->watch_is_stale) {
                r = monitor_watch(monitor, false);
                monitor->unsubscribe_on_failure = true;
                if (r == 0)
                        return;
        }
        if (r == 0) {
                monitor->path = strdup(path);
                if (!monitor->path) {
                        monitor->unsubscribe_on_failure = true;
                        r = -ENOMEM;
                }
        }
        if (r == 0) {
                monitor_enqueue(monitor, PASSLOCK_LINKS_WATCHED, 0, NULL, NULL);
                return;
        }
        if (monitor->unsubscribe_on_failure && path)
                monitor_unsubscribe(monitor, path);
        monitor_set_lost(monitor, r);
}

static int monitor_watch(passlock_monitor *monitor, bool auto_start)
{
        monitor->watch_is_stale = false;
        monitor->unsubscribe_on_failure = false;
        return calls_begin_watch(monitor->client, monitor->label, &watch_method, auto_start,
                                 on_watch_done, monitor, &monitor->watch);
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

static void monitors_enqueue(passlock *client, const char *path, enum passlock_links_change kind,
                             const char *user_id, const char *authenticator_id)
{
        passlock_monitor *monitor;

        TAILQ_FOREACH(monitor, &client->monitors, entry)
                if (streq_ptr(monitor->path, path))
                        monitor_enqueue(monitor, kind, 0, user_id, authenticator_id);
}

static int monitors_read_pairs(passlock *client, sd_bus_message *m, enum passlock_links_change kind)
{
        const char *user_id, *authenticator_id;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "(ss)");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read(m, "(ss)", &user_id, &authenticator_id)) > 0)
                monitors_enqueue(client, sd_bus_message_get_path(m), kind, user_id,
                                 authenticator_id);
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

/* Removed links are delivered first: a user may have replaced an authenticator. */
static void monitors_on_changed(passlock *client, sd_bus_message *m)
{
        int r;

        if (sd_bus_message_has_signature(m, "a(ss)a(ss)") <= 0)
                return;
        r = sd_bus_message_skip(m, "a(ss)");
        if (r >= 0)
                r = monitors_read_pairs(client, m, PASSLOCK_LINKS_REMOVED);
        if (r >= 0)
                r = sd_bus_message_rewind(m, true);
        if (r >= 0)
                r = monitors_read_pairs(client, m, PASSLOCK_LINKS_ADDED);
        /* Out of memory: report that changes are missing. */
        if (r < 0)
                monitors_enqueue(client, sd_bus_message_get_path(m), PASSLOCK_LINKS_WATCHED, NULL,
                                 NULL);
}

static void monitors_on_subscription_lost(passlock *client, const char *path)
{
        passlock_monitor *monitor;

        TAILQ_FOREACH(monitor, &client->monitors, entry) {
                if (!streq_ptr(monitor_get_subscribed_path(monitor), path))
                        continue;
                if (monitor->watch)
                        monitor->watch_is_stale = true;
                else {
                        monitor_set_lost(monitor, -ENOBUFS);
                        monitor_watch_again(monitor);
                }
        }
}

void monitors_on_signal(passlock *client, sd_bus_message *m)
{
        if (sd_bus_message_is_signal(m, PASSLOCK_INTERFACE_LINKS, "Changed") > 0)
                monitors_on_changed(client, m);
        else if (sd_bus_message_is_signal(m, PASSLOCK_INTERFACE_LINKS, "SubscriptionLost") > 0)
                monitors_on_subscription_lost(client, sd_bus_message_get_path(m));
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
        const char *path;
        passlock *client;

        if (!monitor || client_check(monitor->client) < 0)
                return NULL;
        client = monitor->client;
        path = monitor_get_subscribed_path(monitor);
        if (path)
                monitor_unsubscribe(monitor, path);
        monitor_free(monitor);
        calls_send_waiting(client);
        client_wake(client);
        return NULL;
}
