/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <sys/param.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/bus/interfaces/subscription.h"
#include "dbus/error.h"

/* Limits of a signal and of a uid. */
#define CHANGES_MAX       1000U
#define SUBSCRIPTIONS_MAX 128U

/* Unread bytes of a subscriber, and of all of them. A signal has about CHANGES_BYTES at most,
 * enough for CHANGES_MAX links with ids as long as UUIDs. */
#define UNREAD_MAX     ((size_t) 1024 * 1024)
#define UNREAD_ALL_MAX ((size_t) 32 * 1024 * 1024)
#define CHANGES_BYTES  ((size_t) 128 * 1024)

/* Many subscribers get the changes of several commits in one signal: signals take at most a part of
 * the bus's time. */
#define SUBSCRIBERS_FEW     16U
#define PAUSE_PER_SIGNAL_US 200U

/* Bytes of a pair on the bus beyond its texts, and of a signal beyond its pairs. */
#define PAIR_BYTES   16U
#define SIGNAL_BYTES 256U

typedef struct Subscription {
        LIST_ENTRY(Subscription) entry;
        Peer *peer;
        bool authorized; /* by polkit */
} Subscription;

typedef struct Pair {
        char *user_id, *authenticator_id;
} Pair;

typedef struct PairList {
        Pair pairs[CHANGES_MAX];
        size_t n_pairs;
} PairList;

/* The changes of a signal. */
typedef struct Changes {
        PairList added, removed;
        size_t n_bytes;
} Changes;

struct Subscriptions {
        BusTenancy *object;
        LIST_HEAD(, Subscription) list;
        unsigned n_subscriptions; /* in the list */
        Changes *changes;         /* not sent yet, or NULL */
        sd_event_source *source;  /* sends them, or NULL */
        uint64_t sent_at_us;      /* when changes were last sent */
};

static void pair_list_clear(PairList *list)
{
        for (size_t i = 0; i < list->n_pairs; i++) {
                free(list->pairs[i].user_id);
                free(list->pairs[i].authenticator_id);
        }
        list->n_pairs = 0;
}

static Changes *changes_free(Changes *changes)
{
        if (!changes)
                return NULL;
        pair_list_clear(&changes->added);
        pair_list_clear(&changes->removed);
        free(changes);
        return NULL;
}
DEFINE_CLEANUP(Changes *, changes_free);

int subscriptions_new(BusTenancy *object, Subscriptions **ret)
{
        Subscriptions *subscriptions = calloc(1, sizeof(Subscriptions));

        if (!subscriptions)
                return -ENOMEM;
        subscriptions->object = object;
        *ret = subscriptions;
        return 0;
}

static Subscription *subscription_free(Subscriptions *subscriptions, Subscription *subscription)
{
        subscriptions->n_subscriptions--;
        subscriptions->object->bus->n_subscriptions--;
        peer_quota(subscription->peer)->n_subscriptions--;
        LIST_REMOVE(subscription, entry);
        peer_unref(subscription->peer);
        free(subscription);
        return NULL;
}

static Subscription *find(Subscriptions *subscriptions, const char *unique_name)
{
        Subscription *subscription;

        LIST_FOREACH(subscription, &subscriptions->list, entry)
                if (streq(peer_unique_name(subscription->peer), unique_name))
                        return subscription;
        return NULL;
}

static bool may_read(const Subscriptions *subscriptions, const Subscription *subscription)
{
        const BusTenancy *object = subscriptions->object;

        return subscription->authorized ||
               grants_allow(&object->bus->grants, peer_caller(subscription->peer), object->label,
                            RIGHT_LINKS_READ, NULL);
}

static size_t unread_max(const Subscriptions *subscriptions)
{
        return MIN(UNREAD_MAX, UNREAD_ALL_MAX / subscriptions->object->bus->n_subscriptions);
}

static size_t changes_bytes_max(const Subscriptions *subscriptions)
{
        return MIN(CHANGES_BYTES, unread_max(subscriptions) / 2);
}

static bool has_room(const Subscriptions *subscriptions, const Subscription *subscription,
                     size_t n_bytes)
{
        size_t max = unread_max(subscriptions);

        return n_bytes < max && unread_has_room(peer_unread(subscription->peer), max - n_bytes);
}

static int append_pairs(sd_bus_message *m, const PairList *list)
{
        int r;

        r = sd_bus_message_open_container(m, 'a', "(ss)");
        for (size_t i = 0; r >= 0 && i < list->n_pairs; i++)
                r = sd_bus_message_append(m, "(ss)", list->pairs[i].user_id,
                                          list->pairs[i].authenticator_id);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

/* Sends Changed or, without changes, SubscriptionLost. */
static void send_signal(sd_bus *sd, const Subscriptions *subscriptions,
                        const Subscription *subscription, const Changes *changes)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        const char *unique_name = peer_unique_name(subscription->peer);
        int r;

        r = sd_bus_message_new_signal(sd, &m, subscriptions->object->path, PASSLOCK_INTERFACE_LINKS,
                                      changes ? "Changed" : "SubscriptionLost");
        if (r >= 0 && changes)
                r = append_pairs(m, &changes->added);
        if (r >= 0 && changes)
                r = append_pairs(m, &changes->removed);
        if (r >= 0)
                r = sd_bus_message_set_destination(m, unique_name);
        if (r >= 0)
                r = sd_bus_send(sd, m, NULL);
        if (r < 0)
                log_warning("Failed to send a link signal to %s: %s", unique_name, strerror(-r));
        unread_add(peer_unread(subscription->peer),
                   SIGNAL_BYTES + (changes ? changes->n_bytes : 0));
}

static void subscription_end(sd_bus *sd, Subscriptions *subscriptions, Subscription *subscription)
{
        send_signal(sd, subscriptions, subscription, NULL);
        subscription_free(subscriptions, subscription);
}

static void send_changes(Subscriptions *subscriptions)
{
        _cleanup_(changes_freep) Changes *changes = TAKE_PTR(subscriptions->changes);
        sd_bus *sd = subscriptions->object->bus->bus;
        Subscription *subscription, *next;

        subscriptions->source = sd_event_source_unref(subscriptions->source);
        if (!changes)
                return;
        subscriptions->sent_at_us = monotonic_us();
        for (subscription = LIST_FIRST(&subscriptions->list); subscription; subscription = next) {
                next = LIST_NEXT(subscription, entry);
                if (may_read(subscriptions, subscription) &&
                    has_room(subscriptions, subscription, changes->n_bytes))
                        send_signal(sd, subscriptions, subscription, changes);
                else
                        subscription_end(sd, subscriptions, subscription);
        }
}

Subscriptions *subscriptions_free(Subscriptions *subscriptions)
{
        if (!subscriptions)
                return NULL;
        send_changes(subscriptions);
        while (!LIST_EMPTY(&subscriptions->list))
                subscription_free(subscriptions, LIST_FIRST(&subscriptions->list));
        free(subscriptions);
        return NULL;
}

int subscriptions_add(Subscriptions *subscriptions, const Request *request)
{
        Quota *quota = peer_quota(request->peer);
        Subscription *subscription;

        subscription = find(subscriptions, peer_unique_name(request->peer));
        if (!subscription && quota->n_subscriptions >= SUBSCRIPTIONS_MAX)
                return ERROR_LIMITS_EXCEEDED;
        if (!subscription) {
                subscription = calloc(1, sizeof(Subscription));
                if (!subscription)
                        return -ENOMEM;
                /* Changes before the subscription are for the others. */
                send_changes(subscriptions);
                subscription->peer = peer_ref(request->peer);
                LIST_INSERT_HEAD(&subscriptions->list, subscription, entry);
                quota->n_subscriptions++;
                subscriptions->n_subscriptions++;
                request->bus->n_subscriptions++;
        }
        subscription->authorized = request->authorized;
        return 0;
}

void subscriptions_remove(Subscriptions *subscriptions, const char *unique_name)
{
        Subscription *subscription = find(subscriptions, unique_name);

        if (subscription)
                subscription_free(subscriptions, subscription);
}

static void end_all(Subscriptions *subscriptions, sd_bus *sd)
{
        while (!LIST_EMPTY(&subscriptions->list))
                subscription_end(sd, subscriptions, LIST_FIRST(&subscriptions->list));
}

void subscriptions_end_all(Subscriptions *subscriptions)
{
        send_changes(subscriptions);
        end_all(subscriptions, subscriptions->object->bus->bus);
}

void subscriptions_move_and_end_all(Subscriptions *subscriptions, sd_bus *sd)
{
        subscriptions->changes = changes_free(subscriptions->changes);
        end_all(subscriptions, sd);
}

static int on_changes(sd_event_source *source _unused_, void *userdata)
{
        send_changes(userdata);
        return 0;
}

static int on_pause_over(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
        send_changes(userdata);
        return 0;
}

static uint64_t due_at_us(const Subscriptions *subscriptions)
{
        unsigned n = subscriptions->n_subscriptions;

        return n <= SUBSCRIBERS_FEW ? 0 : subscriptions->sent_at_us + n * PAUSE_PER_SIGNAL_US;
}

static int prepare(Subscriptions *subscriptions)
{
        sd_event *event = sd_bus_get_event(subscriptions->object->bus->bus);
        uint64_t due_us = due_at_us(subscriptions);
        int r = 0;

        if (!subscriptions->changes)
                subscriptions->changes = calloc(1, sizeof(Changes));
        if (!subscriptions->changes)
                return -ENOMEM;
        if (subscriptions->source)
                return 0;
        /* At the earliest when the event loop is done with the commit. */
        r = due_us > monotonic_us()
                    ? sd_event_add_time(event, &subscriptions->source, CLOCK_MONOTONIC, due_us, 1,
                                        on_pause_over, subscriptions)
                    : sd_event_add_defer(event, &subscriptions->source, on_changes, subscriptions);
        return log_errno_origin(r);
}

static int add_pair(Changes *changes, PairList *list, const Link *link)
{
        Pair *pair = &list->pairs[list->n_pairs++];

        *pair = (Pair){
                .user_id = strdup(link->user_id),
                .authenticator_id = strdup(link->authenticator_id),
        };
        if (!pair->user_id || !pair->authenticator_id)
                return -ENOMEM;
        changes->n_bytes += PAIR_BYTES + strlen(link->user_id) + strlen(link->authenticator_id);
        return 0;
}

static void on_change(Subscriptions *subscriptions, const Link *link, bool removed)
{
        const Changes *pending = subscriptions->changes;
        int r;

        if (LIST_EMPTY(&subscriptions->list))
                return;
        if (pending && (pending->added.n_pairs + pending->removed.n_pairs >= CHANGES_MAX ||
                        pending->n_bytes >= changes_bytes_max(subscriptions)))
                send_changes(subscriptions);
        r = prepare(subscriptions);
        if (r >= 0) {
                Changes *changes = subscriptions->changes;

                r = add_pair(changes, removed ? &changes->removed : &changes->added, link);
        }
        /* Nobody may miss a change without being told. */
        if (r < 0) {
                subscriptions->changes = changes_free(subscriptions->changes);
                subscriptions_end_all(subscriptions);
        }
}

void subscriptions_on_added(Subscriptions *subscriptions, const Link *link)
{
        on_change(subscriptions, link, false);
}

void subscriptions_on_removed(Subscriptions *subscriptions, const Link *link)
{
        const Changes *changes = subscriptions->changes;

        /* In a signal, what is removed comes before what is added. */
        for (size_t i = 0; changes && i < changes->added.n_pairs; i++)
                if (streq(changes->added.pairs[i].authenticator_id, link->authenticator_id)) {
                        send_changes(subscriptions);
                        break;
                }
        on_change(subscriptions, link, true);
}
