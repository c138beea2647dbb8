/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <sys/param.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/bus/interfaces/link-changes.h"
#include "daemon/bus/interfaces/read-rate.h"
#include "daemon/bus/interfaces/subscription.h"
#include "daemon/metrics/counter.h"
#include "dbus/error.h"

#define SUBSCRIPTIONS_MAX 128U /* of a uid */

/* Unread bytes of a subscriber, and of all of them. A signal has about CHANGES_BYTES at most,
 * enough for a thousand links with ids as long as UUIDs. */
#define UNREAD_MAX     ((size_t) 1024 * 1024)
#define UNREAD_ALL_MAX ((size_t) 32 * 1024 * 1024)
#define CHANGES_BYTES  ((size_t) 128 * 1024)
#define SIGNAL_BYTES   256U /* beyond the changes */

/* How long a subscriber may leave no room for the next signal. */
#define FULL_MAX_US (UINT64_C(2) * 1000 * 1000)

/* Writers wait if one had to within this time. The turn of a waiting request comes every 10 ms, but
 * a writer that makes one call after another does not wait during its commits. */
#define HELD_US (UINT64_C(1) * 1000 * 1000)

/* Unsent changes of a tenancy. Subscribers that are behind when there are more get
 * SubscriptionLost: background work does not wait, see dispatch.c. */
#define UNSENT_MAX ((size_t) 32 * 1024 * 1024)

/* Many subscribers get the changes of several commits in one signal, and of more while the bus is
 * busy: signals take at most a part of its time. */
#define SUBSCRIBERS_FEW     16U
#define PAUSE_PER_SIGNAL_US 200U
#define PAUSE_PER_SENDING   4U
#define PAUSE_MAX_US        200000U

/* Signals are sent a few at a time, when the bus has read earlier messages. While requests wait,
 * these come first, but for so long. */
#define SIGNALS_PER_TURN    16U
#define REQUESTS_FIRST_US   5000U
#define BUS_POLL_US         300U
#define SUBSCRIBERS_POLL_US 10000U

typedef struct Subscription {
        TAILQ_ENTRY(Subscription) entry;
        Peer *peer;
        bool authorized;        /* by polkit */
        LinkChanges *next;      /* to be sent; NULL: none */
        uint64_t full_since_us; /* without room for the next signal; 0: has room */
        ReadRate rate;
} Subscription;

/* The changes in the queue are sent to each subscriber as the bus reads from the daemon, and as the
 * subscriber reads from the bus. */
struct Subscriptions {
        BusTenancy *object;
        /* The subscriber that was sent a signal last is at the end. */
        TAILQ_HEAD(SubscriptionList, Subscription) list;
        unsigned n_subscriptions;                        /* in the list */
        TAILQ_HEAD(LinkChangesQueue, LinkChanges) queue; /* not sent to all of them yet */
        LinkChanges *open;      /* the last in the queue, while more may be added to it; or NULL */
        sd_event_source *defer; /* sends them when the event loop is done with the commit */
        sd_event_source *timer; /* sends them later */
        uint64_t closed_at_us;  /* when the last changes became due */
        uint64_t sent_at_us;    /* the last signal */
        uint64_t sending_us;    /* how long it took to send the last changes to all */
};

static void send_some(Subscriptions *subscriptions);

static int on_defer(sd_event_source *source _unused_, void *userdata)
{
        send_some(userdata);
        return 0;
}

static int on_timer(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
        send_some(userdata);
        return 0;
}

int subscriptions_new(BusTenancy *object, Subscriptions **ret)
{
        _cleanup_(subscriptions_freep) Subscriptions *subscriptions =
                calloc(1, sizeof(Subscriptions));
        sd_event *event = sd_bus_get_event(object->bus->bus);
        int r;

        if (!subscriptions)
                return -ENOMEM;
        subscriptions->object = object;
        TAILQ_INIT(&subscriptions->list);
        TAILQ_INIT(&subscriptions->queue);
        r = sd_event_add_defer(event, &subscriptions->defer, on_defer, subscriptions);
        if (r >= 0)
                r = sd_event_source_set_enabled(subscriptions->defer, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_time(event, &subscriptions->timer, CLOCK_MONOTONIC, 0, 1, on_timer,
                                      subscriptions);
        if (r >= 0)
                r = sd_event_source_set_enabled(subscriptions->timer, SD_EVENT_OFF);
        if (r < 0)
                return log_errno_origin(r);
        *ret = TAKE_PTR(subscriptions);
        return 0;
}

/* The queue */

static void queue_remove(Subscriptions *subscriptions, LinkChanges *changes)
{
        TAILQ_REMOVE(&subscriptions->queue, changes, entry);
        if (changes == subscriptions->open)
                subscriptions->open = NULL;
        subscriptions->object->unsent_bytes -= sizeof(LinkChanges) + changes->n_bytes;
        link_changes_free(changes);
}

static void queue_clear(Subscriptions *subscriptions)
{
        Subscription *subscription;

        TAILQ_FOREACH(subscription, &subscriptions->list, entry)
                subscription->next = NULL;
        while (!TAILQ_EMPTY(&subscriptions->queue))
                queue_remove(subscriptions, TAILQ_FIRST(&subscriptions->queue));
}

/* Adds empty changes, for all present subscribers. Returns 0 or -ENOMEM. */
static int queue_push(Subscriptions *subscriptions)
{
        LinkChanges *changes = link_changes_new();
        Subscription *subscription;

        if (!changes)
                return -ENOMEM;
        changes->n_unsent = subscriptions->n_subscriptions;
        TAILQ_INSERT_TAIL(&subscriptions->queue, changes, entry);
        subscriptions->object->unsent_bytes += sizeof(LinkChanges);
        subscriptions->open = changes;
        TAILQ_FOREACH(subscription, &subscriptions->list, entry)
                if (!subscription->next)
                        subscription->next = changes;
        return 0;
}

/* Moves on to the next changes, or to none. */
static void subscription_skip(Subscriptions *subscriptions, Subscription *subscription)
{
        LinkChanges *changes = subscription->next;

        subscription->next = TAILQ_NEXT(changes, entry);
        if (--changes->n_unsent == 0)
                queue_remove(subscriptions, changes);
}

/* Whether there is something to send that is due. */
static bool is_behind(const Subscriptions *subscriptions, const Subscription *subscription)
{
        return subscription->next && subscription->next != subscriptions->open;
}

/* Single subscriptions */

static Subscription *subscription_free(Subscriptions *subscriptions, Subscription *subscription)
{
        while (subscription->next)
                subscription_skip(subscriptions, subscription);
        subscriptions->n_subscriptions--;
        subscriptions->object->bus->n_subscriptions--;
        peer_quota(subscription->peer)->n_subscriptions--;
        TAILQ_REMOVE(&subscriptions->list, subscription, entry);
        peer_unref(subscription->peer);
        free(subscription);
        return NULL;
}

static Subscription *find(Subscriptions *subscriptions, const char *unique_name)
{
        Subscription *subscription;

        TAILQ_FOREACH(subscription, &subscriptions->list, entry)
                if (streq(peer_unique_name(subscription->peer), unique_name))
                        return subscription;
        return NULL;
}

static bool may_read(const Subscriptions *subscriptions, const Subscription *subscription)
{
        const BusTenancy *object = subscriptions->object;

        return subscription->authorized ||
               grants_allow(bus_grants_of(object->bus, subscription->peer),
                            peer_caller(subscription->peer), object->label, RIGHT_LINKS_READ, NULL);
}

static size_t unread_max(const Subscriptions *subscriptions)
{
        return MIN(UNREAD_MAX, UNREAD_ALL_MAX / subscriptions->object->bus->n_subscriptions);
}

static size_t changes_bytes_max(const Subscriptions *subscriptions)
{
        return MIN(CHANGES_BYTES, unread_max(subscriptions) / 2);
}

/* Whether the subscriber has read enough for the next signal. */
static bool has_room(const Subscriptions *subscriptions, const Subscription *subscription)
{
        size_t max = unread_max(subscriptions);

        return unread_has_room(peer_unread(subscription->peer),
                               max - MIN(subscription->next->n_bytes, max / 2));
}

static bool writers_wait(const Subscriptions *subscriptions, uint64_t now_us)
{
        uint64_t held_at_us = subscriptions->object->held_at_us;

        return held_at_us > 0 && now_us - held_at_us < HELD_US;
}

/* Whether the subscriber does not read, or too slowly for the writers that wait: for some time
 * there has been no room, and the bus has confirmed that. */
static bool is_lazy(const Subscriptions *subscriptions, Subscription *subscription)
{
        uint64_t now_us = monotonic_us();

        if (unread_is_queried(peer_unread(subscription->peer)))
                return false;
        if (subscription->full_since_us == 0)
                subscription->full_since_us = now_us;
        return now_us - subscription->full_since_us >= FULL_MAX_US ||
               read_rate_is_low(&subscription->rate, writers_wait(subscriptions, now_us), now_us);
}

/* Sends Changed or, without changes, SubscriptionLost. */
static void send_signal(sd_bus *sd, const Subscriptions *subscriptions,
                        const Subscription *subscription, const LinkChanges *changes)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        const char *unique_name = peer_unique_name(subscription->peer);
        int r;

        r = sd_bus_message_new_signal(sd, &m, subscriptions->object->path, PASSLOCK_INTERFACE_LINKS,
                                      changes ? "Changed" : "SubscriptionLost");
        if (r >= 0 && changes)
                r = link_changes_append(changes, m);
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
        counter_add(COUNTER_SUBSCRIPTIONS_LOST, 1);
        send_signal(sd, subscriptions, subscription, NULL);
        subscription_free(subscriptions, subscription);
}

static void subscription_send(Subscriptions *subscriptions, Subscription *subscription)
{
        subscriptions->sent_at_us = monotonic_us();
        read_rate_add(&subscription->rate, subscription->next->n_bytes, subscriptions->sent_at_us);
        send_signal(subscriptions->object->bus->bus, subscriptions, subscription,
                    subscription->next);
        subscription_skip(subscriptions, subscription);
        subscription->full_since_us = 0;
        /* The others come first. */
        TAILQ_REMOVE(&subscriptions->list, subscription, entry);
        TAILQ_INSERT_TAIL(&subscriptions->list, subscription, entry);
}

/* Sending */

static void schedule(Subscriptions *subscriptions, uint64_t delay_us)
{
        (void) sd_event_source_set_time_relative(subscriptions->timer, delay_us);
        (void) sd_event_source_set_enabled(subscriptions->timer, SD_EVENT_ONESHOT);
}

static uint64_t due_in_us(const Subscriptions *subscriptions)
{
        unsigned n = subscriptions->n_subscriptions;
        uint64_t pause_us = MAX(n * PAUSE_PER_SIGNAL_US,
                                MIN(PAUSE_PER_SENDING * subscriptions->sending_us, PAUSE_MAX_US));
        uint64_t due_us = subscriptions->closed_at_us + pause_us;
        uint64_t now_us = monotonic_us();

        return n <= SUBSCRIBERS_FEW || due_us <= now_us ? 0 : due_us - now_us;
}

static void close_if_due(Subscriptions *subscriptions)
{
        if (!subscriptions->open || due_in_us(subscriptions) > 0)
                return;
        subscriptions->open = NULL;
        subscriptions->closed_at_us = monotonic_us();
}

/* The room that the bus must have for signals: requests come first, but for so long. */
static TurnKind room_needed(const Subscriptions *subscriptions)
{
        bool requests_first = turns_are_busy(subscriptions->object->bus->turns) &&
                              monotonic_us() - subscriptions->sent_at_us < REQUESTS_FIRST_US;

        return requests_first ? TURN_BULK : TURN_SINGLE;
}

static Subscription *find_behind(const Subscriptions *subscriptions, Subscription *subscription)
{
        while (subscription && !is_behind(subscriptions, subscription))
                subscription = TAILQ_NEXT(subscription, entry);
        return subscription;
}

/* Sends the next signal, or ends the subscription. Returns whether the subscriber has to read
 * first.
 */
static bool subscription_send_next(Subscriptions *subscriptions, Subscription *subscription)
{
        bool has_right = may_read(subscriptions, subscription);

        if (has_right && has_room(subscriptions, subscription))
                subscription_send(subscriptions, subscription);
        else if (has_right && !is_lazy(subscriptions, subscription))
                return true;
        else
                subscription_end(subscriptions->object->bus->bus, subscriptions, subscription);
        return false;
}

/* Sends signals as far as there is room, and schedules the others. */
static void send_some(Subscriptions *subscriptions)
{
        const Turns *turns = subscriptions->object->bus->turns;
        TurnKind room = room_needed(subscriptions);
        Subscription *subscription, *next;
        unsigned n_sent = 0;

        close_if_due(subscriptions);
        subscription = find_behind(subscriptions, TAILQ_FIRST(&subscriptions->list));
        for (; subscription && n_sent < SIGNALS_PER_TURN; subscription = next) {
                if (!turns_have_room(turns, room)) {
                        schedule(subscriptions, BUS_POLL_US);
                        return;
                }
                next = find_behind(subscriptions, TAILQ_NEXT(subscription, entry));
                n_sent += !subscription_send_next(subscriptions, subscription);
        }
        if (find_behind(subscriptions, TAILQ_FIRST(&subscriptions->list))) {
                schedule(subscriptions, n_sent > 0 ? 0 : SUBSCRIBERS_POLL_US);
                return;
        }
        if (n_sent > 0)
                subscriptions->sending_us = monotonic_us() - subscriptions->closed_at_us;
        if (subscriptions->open)
                schedule(subscriptions, due_in_us(subscriptions));
}

/* Sends what subscribers have room for, however far the bus is behind. The others miss changes, and
 * lose their subscriptions. */
static void send_all_now(Subscriptions *subscriptions, sd_bus *sd)
{
        Subscription *subscription, *next;

        subscriptions->open = NULL;
        for (subscription = TAILQ_FIRST(&subscriptions->list); subscription; subscription = next) {
                next = TAILQ_NEXT(subscription, entry);
                while (subscription->next && may_read(subscriptions, subscription) &&
                       has_room(subscriptions, subscription)) {
                        send_signal(sd, subscriptions, subscription, subscription->next);
                        subscription_skip(subscriptions, subscription);
                }
                if (subscription->next)
                        subscription_end(sd, subscriptions, subscription);
        }
}

Subscriptions *subscriptions_free(Subscriptions *subscriptions)
{
        if (!subscriptions)
                return NULL;
        send_all_now(subscriptions, subscriptions->object->bus->bus);
        while (!TAILQ_EMPTY(&subscriptions->list))
                subscription_free(subscriptions, TAILQ_FIRST(&subscriptions->list));
        sd_event_source_disable_unref(subscriptions->defer);
        sd_event_source_disable_unref(subscriptions->timer);
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
                subscriptions->open = NULL;
                subscription->peer = peer_ref(request->peer);
                TAILQ_INSERT_HEAD(&subscriptions->list, subscription, entry);
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
        queue_clear(subscriptions);
        while (!TAILQ_EMPTY(&subscriptions->list))
                subscription_end(sd, subscriptions, TAILQ_FIRST(&subscriptions->list));
}

void subscriptions_end_all(Subscriptions *subscriptions)
{
        send_all_now(subscriptions, subscriptions->object->bus->bus);
        end_all(subscriptions, subscriptions->object->bus->bus);
}

void subscriptions_move_and_end_all(Subscriptions *subscriptions, sd_bus *sd)
{
        end_all(subscriptions, sd);
}

/* Ends the subscriptions that are the furthest behind. */
static void limit_queue(Subscriptions *subscriptions)
{
        sd_bus *sd = subscriptions->object->bus->bus;
        Subscription *subscription, *next;

        while (subscriptions->object->unsent_bytes > UNSENT_MAX) {
                const LinkChanges *first = TAILQ_FIRST(&subscriptions->queue);

                for (subscription = TAILQ_FIRST(&subscriptions->list); subscription;
                     subscription = next) {
                        next = TAILQ_NEXT(subscription, entry);
                        if (subscription->next == first)
                                subscription_end(sd, subscriptions, subscription);
                }
        }
}

/* Opens new changes unless there are some that are not full. Returns 0 or -ENOMEM. */
static int prepare(Subscriptions *subscriptions)
{
        int r;

        if (subscriptions->open &&
            link_changes_is_full(subscriptions->open, changes_bytes_max(subscriptions)))
                subscriptions->open = NULL;
        if (subscriptions->open)
                return 0;
        r = queue_push(subscriptions);
        /* At the earliest when the event loop is done with the commit. Without memory, the timer
         * does. */
        if (r == 0 && sd_event_source_set_enabled(subscriptions->defer, SD_EVENT_ONESHOT) < 0)
                schedule(subscriptions, 0);
        return r;
}

static void on_change(Subscriptions *subscriptions, const Link *link, bool removed)
{
        size_t *unsent_bytes = &subscriptions->object->unsent_bytes;
        int r;

        if (TAILQ_EMPTY(&subscriptions->list))
                return;
        r = prepare(subscriptions);
        if (r == 0) {
                LinkChanges *changes = subscriptions->open;

                *unsent_bytes -= changes->n_bytes;
                r = link_changes_add(changes, link, removed);
                *unsent_bytes += changes->n_bytes;
        }
        /* Nobody may miss a change without being told. */
        if (r < 0)
                end_all(subscriptions, subscriptions->object->bus->bus);
        else
                limit_queue(subscriptions);
}

void subscriptions_on_added(Subscriptions *subscriptions, const Link *link)
{
        on_change(subscriptions, link, false);
}

void subscriptions_on_removed(Subscriptions *subscriptions, const Link *link)
{
        /* In a signal, what is removed comes before what is added. */
        if (subscriptions->open && link_changes_has_added(subscriptions->open, link))
                subscriptions->open = NULL;
        on_change(subscriptions, link, true);
}
