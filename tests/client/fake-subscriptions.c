/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "dbus/error.h"
#include "tests/client/fake-service.h"

/*
 * Subscribe, Unsubscribe and their signals. The user id of Add is a command of the test:
 *      swap        send a change that adds and removes two links each
 *      batch       send as many added links as the authenticator id says, up to 1000 per signal
 *      malformed   send changes of wrong types
 *      lose        end the subscriptions of the tenancy
 *      lose-deny   end them and deny Subscribe from now on
 *      lose-die    end them and exit without a reply
 *      hold        subscribe callers from now on, but reply later
 *      release     reply to the held callers
 *      release-deny  deny the held callers
 * Other links are added.
 */

#define SUBSCRIPTIONS_MAX 16U
#define BATCH_MAX         1000U

typedef struct Subscription {
        char subscriber[32];
        char path[64];
} Subscription;

bool fake_denies_subscribe;

static Subscription subscriptions[SUBSCRIPTIONS_MAX];
static sd_bus_message *held[SUBSCRIPTIONS_MAX];
static unsigned n_held;
static bool holds;

static const char *label_of(sd_bus_message *m)
{
        return strrchr(sd_bus_message_get_path(m), '/') + 1;
}

static Subscription *find(const char *subscriber, const char *path)
{
        for (size_t i = 0; i < SUBSCRIPTIONS_MAX; i++)
                if (streq(subscriptions[i].subscriber, subscriber) &&
                    streq(subscriptions[i].path, path))
                        return &subscriptions[i];
        return NULL;
}

static void subscribe(const char *subscriber, const char *path)
{
        Subscription *s = find(subscriber, path) ?: find("", "");

        if (!s)
                _exit(1);
        snprintf(s->subscriber, sizeof(s->subscriber), "%s", subscriber);
        snprintf(s->path, sizeof(s->path), "%s", path);
}

int fake_subscribe(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        record("Subscribe %s", label_of(m));
        if (fake_denies_subscribe)
                return sd_bus_reply_method_errorf(m, SD_BUS_ERROR_ACCESS_DENIED, "no grant");
        subscribe(sd_bus_message_get_sender(m), sd_bus_message_get_path(m));
        if (!holds)
                return sd_bus_reply_method_return(m, "");
        held[n_held++] = sd_bus_message_ref(m);
        return 1;
}

int fake_unsubscribe(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        Subscription *s = find(sd_bus_message_get_sender(m), sd_bus_message_get_path(m));

        record("Unsubscribe %s%s", label_of(m), s ? "" : " in vain");
        if (s)
                *s = (Subscription){};
        return sd_bus_reply_method_return(m, "");
}

static int send_to_subscribers(sd_bus_message *m, const char *member,
                               int (*append)(sd_bus_message *signal, const void *data),
                               const void *data)
{
        sd_bus *bus = sd_bus_message_get_bus(m);
        int r = 0;

        for (size_t i = 0; r >= 0 && i < SUBSCRIPTIONS_MAX; i++) {
                _cleanup_(sd_bus_message_unrefp) sd_bus_message *signal = NULL;

                if (!streq(subscriptions[i].path, sd_bus_message_get_path(m)))
                        continue;
                r = sd_bus_message_new_signal(bus, &signal, subscriptions[i].path,
                                              PASSLOCK_INTERFACE_LINKS, member);
                if (r >= 0 && append)
                        r = append(signal, data);
                if (r >= 0)
                        r = sd_bus_send_to(bus, signal, subscriptions[i].subscriber, NULL);
        }
        return r;
}

static int append_pair(sd_bus_message *signal, const void *data)
{
        const char *const *pair = data;

        return pair[0] ? sd_bus_message_append(signal, "a(ss)", 1, pair[0], pair[1])
                       : sd_bus_message_append(signal, "a(ss)", 0);
}

static int append_added(sd_bus_message *signal, const void *data)
{
        int r;

        r = append_pair(signal, data);
        return r < 0 ? r : append_pair(signal, (const char *[]){NULL, NULL});
}

static int append_removed(sd_bus_message *signal, const void *data)
{
        int r;

        r = append_pair(signal, (const char *[]){NULL, NULL});
        return r < 0 ? r : append_pair(signal, data);
}

static int tell_added(sd_bus_message *m, const char *user_id, const char *authenticator_id)
{
        return send_to_subscribers(m, "Changed", append_added,
                                   (const char *[]){user_id, authenticator_id});
}

int fake_tell_removed(sd_bus_message *m, const char *user_id, const char *authenticator_id)
{
        return send_to_subscribers(m, "Changed", append_removed,
                                   (const char *[]){user_id, authenticator_id});
}

static int append_swap(sd_bus_message *signal, const void *data)
{
        return sd_bus_message_append(signal, "a(ss)a(ss)", 2, "u1", "new1", "u2", "new2", 2, "u1",
                                     "old1", "u2", "old2");
}

static int append_strings(sd_bus_message *signal, const void *data)
{
        return sd_bus_message_append(signal, "ss", "u", "a");
}

static int append_one_array(sd_bus_message *signal, const void *data)
{
        return sd_bus_message_append(signal, "a(ss)", 1, "u", "a");
}

static int append_excess(sd_bus_message *signal, const void *data)
{
        return sd_bus_message_append(signal, "a(ss)a(ss)s", 1, "u", "a", 0, "more");
}

static int tell_malformed(sd_bus_message *m)
{
        int r;

        r = send_to_subscribers(m, "Changed", append_strings, NULL);
        if (r >= 0)
                r = send_to_subscribers(m, "Changed", append_one_array, NULL);
        if (r >= 0)
                r = send_to_subscribers(m, "Changed", append_excess, NULL);
        return r;
}

static int append_batch(sd_bus_message *signal, const void *data)
{
        unsigned n = *(const unsigned *) data;
        int r;

        r = sd_bus_message_open_container(signal, 'a', "(ss)");
        for (unsigned i = 0; r >= 0 && i < n; i++)
                r = sd_bus_message_append(signal, "(ss)", "u", "a");
        if (r >= 0)
                r = sd_bus_message_close_container(signal);
        return r < 0 ? r : sd_bus_message_append(signal, "a(ss)", 0);
}

static int tell_batch(sd_bus_message *m, unsigned n)
{
        int r = 0;

        for (; r >= 0 && n > 0; n -= n < BATCH_MAX ? n : BATCH_MAX)
                r = send_to_subscribers(m, "Changed", append_batch,
                                        &(unsigned){n < BATCH_MAX ? n : BATCH_MAX});
        return r;
}

static int lose(sd_bus_message *m, const char *command)
{
        int r;

        r = send_to_subscribers(m, "SubscriptionLost", NULL, NULL);
        for (size_t i = 0; i < SUBSCRIPTIONS_MAX; i++)
                if (streq(subscriptions[i].path, sd_bus_message_get_path(m)))
                        subscriptions[i] = (Subscription){};
        if (streq(command, "lose-deny"))
                fake_denies_subscribe = true;
        if (streq(command, "lose-die")) {
                sd_bus_flush(sd_bus_message_get_bus(m));
                _exit(0);
        }
        return r;
}

static int release(bool deny)
{
        int r = 0;

        holds = false;
        for (unsigned i = 0; r >= 0 && i < n_held; i++) {
                r = deny ? sd_bus_reply_method_errorf(held[i], SD_BUS_ERROR_ACCESS_DENIED,
                                                      "no grant")
                         : sd_bus_reply_method_return(held[i], "");
                held[i] = sd_bus_message_unref(held[i]);
        }
        n_held = 0;
        return r;
}

int fake_add(sd_bus_message *m, const char *user_id, const char *authenticator_id)
{
        if (streq(user_id, "swap"))
                return send_to_subscribers(m, "Changed", append_swap, NULL);
        if (streq(user_id, "batch"))
                return tell_batch(m, (unsigned) atoi(authenticator_id));
        if (streq(user_id, "malformed"))
                return tell_malformed(m);
        if (begins(user_id, "lose"))
                return lose(m, user_id);
        if (begins(user_id, "release"))
                return release(streq(user_id, "release-deny"));
        if (streq(user_id, "hold")) {
                holds = true;
                return 0;
        }
        return tell_added(m, user_id, authenticator_id);
}
