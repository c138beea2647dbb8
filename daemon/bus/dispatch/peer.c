/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <sys/queue.h>

#include "base/log.h"
#include "base/strv.h"
#include "daemon/bus/dispatch/peer.h"

#define DRIVER            "org.freedesktop.DBus"
#define DRIVER_PATH       "/org/freedesktop/DBus"
#define LOOKUP_TIMEOUT_US (5U * 1000U * 1000U)

/* A call whose caller is being looked up. */
typedef struct PeerWaiter {
        STAILQ_ENTRY(PeerWaiter) entry;
        PeerFunc func;
        void *userdata;
} PeerWaiter;

struct Peer {
        LIST_ENTRY(Peer) entry;
        Peers *peers;
        unsigned n_ref;
        char *unique_name;
        sd_bus_slot *lookup; /* pending GetConnectionCredentials, or NULL */
        STAILQ_HEAD(, PeerWaiter) waiters;
        unsigned n_waiters;
        Caller caller;
        char **readable; /* tenancies; see peer_add_readable() */
        Quota *quota;
};

struct Peers {
        sd_bus *bus;
        PeerGoneFunc gone;
        void *userdata;
        sd_bus_slot *gone_match;
        LIST_HEAD(, Peer) peers;
        Quotas *quotas;
};

Peer *peer_ref(Peer *peer)
{
        peer->n_ref++;
        return peer;
}

Peer *peer_unref(Peer *peer)
{
        PeerWaiter *waiter;

        if (!peer || --peer->n_ref > 0)
                return NULL;
        while ((waiter = STAILQ_FIRST(&peer->waiters))) {
                STAILQ_REMOVE_HEAD(&peer->waiters, entry);
                free(waiter);
        }
        sd_bus_slot_unref(peer->lookup);
        quota_unref(peer->quota);
        strv_free(peer->readable);
        free(peer->caller.gids);
        free(peer->unique_name);
        free(peer);
        return NULL;
}

const Caller *peer_caller(const Peer *peer)
{
        return &peer->caller;
}

Quota *peer_quota(Peer *peer)
{
        return peer->quota;
}

bool peers_may_record(Peers *peers, Peer *peer)
{
        return quotas_may_record(peers->quotas, peer ? peer->quota : NULL);
}

static Peer *find_name(const Peers *peers, const char *unique_name)
{
        Peer *peer;

        LIST_FOREACH(peer, &peers->peers, entry)
                if (streq(peer->unique_name, unique_name))
                        return peer;
        return NULL;
}

static void drop(Peer *peer)
{
        LIST_REMOVE(peer, entry);
        peer_unref(peer);
}

static int read_groups(sd_bus_message *m, Caller *caller)
{
        const void *ids;
        size_t size;
        int r;

        r = sd_bus_message_enter_container(m, 'v', "au");
        if (r < 0)
                return r;
        r = sd_bus_message_read_array(m, 'u', &ids, &size);
        if (r < 0)
                return r;
        free(caller->gids);
        caller->gids = malloc(size ?: 1);
        if (!caller->gids)
                return -ENOMEM;
        memcpy(caller->gids, ids, size);
        caller->n_gids = size / sizeof(gid_t);
        return sd_bus_message_exit_container(m);
}

/* Reads uid and groups from the driver's a{sv}. A reply without a uid is an error. */
static int read_credentials(sd_bus_message *m, Caller *caller)
{
        bool has_uid = false;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                const char *key;

                r = sd_bus_message_read(m, "s", &key);
                if (r < 0)
                        return r;
                if (streq(key, "UnixUserID")) {
                        r = sd_bus_message_read(m, "v", "u", &caller->uid);
                        has_uid = true;
                } else if (streq(key, "UnixGroupIDs")) {
                        r = read_groups(m, caller);
                } else {
                        r = sd_bus_message_skip(m, "v");
                }
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return r;
        return has_uid && caller->uid != (uid_t) -1 ? 0 : -ENODATA;
}

static void tell(Peer *peer, int r)
{
        PeerWaiter *waiter;

        peer->n_waiters = 0;
        while ((waiter = STAILQ_FIRST(&peer->waiters))) {
                STAILQ_REMOVE_HEAD(&peer->waiters, entry);
                waiter->func(r, r < 0 ? NULL : peer, waiter->userdata);
                free(waiter);
        }
}

static int lookup_done(sd_bus_message *reply, void *userdata, sd_bus_error *error _unused_)
{
        _cleanup_(peer_unrefp) Peer *peer = peer_ref(userdata);
        int r;

        peer->lookup = sd_bus_slot_unref(peer->lookup);
        r = -sd_bus_message_get_errno(reply);
        /* Only the driver has this sender; sd-bus makes up local errors. */
        if (r == 0 && !streq_ptr(sd_bus_message_get_sender(reply), DRIVER))
                r = -EBADMSG;
        if (r == 0)
                r = read_credentials(reply, &peer->caller);
        if (r == 0)
                r = quotas_find(peer->peers->quotas, peer->caller.uid, &peer->quota);
        if (r < 0) {
                log_debug("Failed to look up the credentials of %s: %s", peer->unique_name,
                          strerror(-r));
                drop(peer);
        }
        tell(peer, r);
        return 0;
}

/* Calls GetConnectionCredentials. */
static int peer_look_up(Peer *peer)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        sd_bus *bus = peer->peers->bus;
        int r;

        r = sd_bus_message_new_method_call(bus, &m, DRIVER, DRIVER_PATH, DRIVER,
                                           "GetConnectionCredentials");
        if (r < 0)
                return r;
        r = sd_bus_message_append(m, "s", peer->unique_name);
        if (r < 0)
                return r;
        return sd_bus_call_async(bus, &peer->lookup, m, lookup_done, peer, LOOKUP_TIMEOUT_US);
}

static int peer_new(Peers *peers, const char *unique_name, Peer **ret)
{
        _cleanup_(peer_unrefp) Peer *peer = calloc(1, sizeof(Peer));
        int r;

        if (!peer)
                return -ENOMEM;
        STAILQ_INIT(&peer->waiters);
        peer->n_ref = 1;
        peer->peers = peers;
        peer->unique_name = strdup(unique_name);
        if (!peer->unique_name)
                return -ENOMEM;
        r = peer_look_up(peer);
        if (r < 0)
                return r;

        LIST_INSERT_HEAD(&peers->peers, peer, entry);
        *ret = TAKE_PTR(peer);
        return 0;
}

int peers_find(Peers *peers, const char *unique_name, unsigned waiting_max, PeerFunc func,
               void *userdata, Peer **ret)
{
        Peer *peer = find_name(peers, unique_name);
        PeerWaiter *waiter;
        int r;

        if (peer && !peer->lookup) {
                *ret = peer_ref(peer);
                return 1;
        }
        if (!peer) {
                r = peer_new(peers, unique_name, &peer);
                if (r < 0)
                        return r;
        }
        if (peer->n_waiters >= waiting_max)
                return -EBUSY;
        waiter = malloc(sizeof(PeerWaiter));
        if (!waiter)
                return -ENOMEM;
        *waiter = (PeerWaiter){.func = func, .userdata = userdata};
        STAILQ_INSERT_TAIL(&peer->waiters, waiter, entry);
        peer->n_waiters++;
        return 0;
}

/* Forgets a closed connection. A pending lookup ends with the driver's reply. */
static int on_name_gone(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_)
{
        Peers *peers = userdata;
        const char *name, *old_owner, *new_owner;
        Peer *peer;

        /* Only the driver has this sender. */
        if (!streq_ptr(sd_bus_message_get_sender(m), DRIVER) ||
            sd_bus_message_read(m, "sss", &name, &old_owner, &new_owner) < 0)
                return 0;
        if (*name != ':' || *new_owner)
                return 0;
        peer = find_name(peers, name);
        if (peer && !peer->lookup)
                drop(peer);
        peers->gone(name, peers->userdata);
        return 0;
}

int peers_new(sd_bus *bus, PeerGoneFunc gone, void *userdata, Peers **ret)
{
        _cleanup_(peers_freep) Peers *peers = calloc(1, sizeof(Peers));
        int r;

        if (!peers)
                return -ENOMEM;
        *peers = (Peers){.bus = bus, .gone = gone, .userdata = userdata};
        r = quotas_new(bus, &peers->quotas);
        if (r < 0)
                return r;
        r = sd_bus_add_match(bus, &peers->gone_match,
                             "type='signal',sender='" DRIVER "',path='" DRIVER_PATH
                             "',interface='" DRIVER "',member='NameOwnerChanged',arg2=''",
                             on_name_gone, peers);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(peers);
        return 0;
}

Peers *peers_free(Peers *peers)
{
        if (!peers)
                return NULL;
        while (!LIST_EMPTY(&peers->peers))
                drop(LIST_FIRST(&peers->peers));
        sd_bus_slot_unref(peers->gone_match);
        quotas_free(peers->quotas);
        free(peers);
        return NULL;
}

int peer_add_readable(Peer *peer, const char *label)
{
        return peer_may_read(peer, label) ? 0 : strv_push(&peer->readable, label);
}

bool peer_may_read(const Peer *peer, const char *label)
{
        return strv_contains(peer->readable, label);
}

void peers_forget_readable(Peers *peers, const char *label)
{
        Peer *peer;

        LIST_FOREACH(peer, &peers->peers, entry)
                for (char **r = peer->readable; r && *r; r++)
                        if (streq(*r, label)) {
                                free(*r);
                                memmove(r, r + 1, (strv_len(r + 1) + 1) * sizeof(char *));
                                break;
                        }
}

const char *peer_unique_name(const Peer *peer)
{
        return peer->unique_name;
}

void peers_foreach(Peers *peers, void (*func)(const Peer *peer, void *userdata), void *userdata)
{
        const Peer *peer;

        LIST_FOREACH(peer, &peers->peers, entry)
                if (!peer->lookup)
                        func(peer, userdata);
}
