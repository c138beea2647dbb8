/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>
#include <sys/queue.h>

#include "base/log.h"
#include "daemon/bus/dispatch/peer.h"
#include "daemon/model/access.h"

#define DRIVER            "org.freedesktop.DBus"
#define DRIVER_PATH       "/org/freedesktop/DBus"
#define LOOKUP_TIMEOUT_US (5U * 1000U * 1000U)

#define GONE_RULE \
        "type='signal',sender='" DRIVER "',path='" DRIVER_PATH "',interface='" DRIVER \
        "',member='NameOwnerChanged',arg2=''"
/* Rules for single peers; dbus-daemon allows a connection 512 rules. */
#define MATCHES_MAX 256U

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
        sd_bus_slot *gone_match;
        STAILQ_HEAD(, PeerWaiter) waiters;
        unsigned n_waiters;
        Caller caller;
        Quota *quota;
        Unread unread;
        unsigned n_parked;
        bool authorized;            /* by polkit, for some call */
        GrantList grants;           /* for this peer; the grants are the bus's */
        unsigned grants_generation; /* for which that is so; 0: not known yet */
};

struct Peers {
        sd_bus *bus;
        PeerGoneFunc gone;
        void *userdata;
        unsigned n_matches;          /* of single peers */
        sd_bus_slot *gone_match_all; /* NULL while each peer has its own */
        LIST_HEAD(, Peer) peers;
        size_t n_peers; /* in the list */
        size_t n_unread_bytes;
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
        if (peer->gone_match)
                peer->peers->n_matches--;
        sd_bus_slot_unref(peer->gone_match);
        quotas_unref(peer->peers->quotas, peer->quota);
        unread_clear(&peer->unread);
        free(peer->grants.grants);
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

size_t peers_count(const Peers *peers)
{
        return peers->n_peers ?: 1;
}

size_t peers_unread_bytes(const Peers *peers)
{
        return peers->n_unread_bytes;
}

unsigned *peer_n_parked(Peer *peer)
{
        return &peer->n_parked;
}

Unread *peer_unread(Peer *peer)
{
        return &peer->unread;
}

const GrantList *peer_grants(Peer *peer, const GrantList *all, unsigned generation)
{
        Grant **grants;

        if (peer->grants_generation == generation)
                return &peer->grants;
        grants = reallocarray(peer->grants.grants, all->n_grants ?: 1, sizeof(Grant *));
        if (!grants)
                return all;
        peer->grants = (GrantList){.grants = grants};
        peer->grants_generation = generation;
        for (size_t i = 0; i < all->n_grants; i++)
                if (grant_is_for(all->grants[i], &peer->caller))
                        grants[peer->grants.n_grants++] = all->grants[i];
        return &peer->grants;
}

bool peer_is_granted(Peer *peer, const GrantList *all, unsigned generation)
{
        return peer->authorized || grants_allow(peer_grants(peer, all, generation), &peer->caller,
                                                NULL, RIGHT_ALL, NULL);
}

void peer_set_authorized(Peer *peer)
{
        peer->authorized = true;
}

bool peers_may_record(Peers *peers, Peer *peer)
{
        return quotas_may_record(peers->quotas, peer ? peer->quota : NULL);
}

Quota *peers_strangers(Peers *peers)
{
        return quotas_strangers(peers->quotas);
}

/* Moves the peer to the front: few of many connections make most calls. */
static Peer *find_name(Peers *peers, const char *unique_name)
{
        Peer *peer;

        LIST_FOREACH(peer, &peers->peers, entry)
                if (streq(peer->unique_name, unique_name)) {
                        LIST_REMOVE(peer, entry);
                        LIST_INSERT_HEAD(&peers->peers, peer, entry);
                        return peer;
                }
        return NULL;
}

static void drop(Peer *peer)
{
        LIST_REMOVE(peer, entry);
        peer->peers->n_peers--;
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

static int on_name_gone(sd_bus_message *m, void *userdata, sd_bus_error *error);
static int peers_watch_all(Peers *peers);

static int on_match_added(sd_bus_message *reply, void *userdata, sd_bus_error *error _unused_)
{
        if (sd_bus_message_is_method_error(reply, NULL) > 0) {
                log_warning("Failed to watch a connection of the bus: %s",
                            sd_bus_message_get_error(reply)->message);
                (void) peers_watch_all(userdata);
        }
        return 0;
}

static int peers_watch_all(Peers *peers)
{
        if (peers->gone_match_all)
                return 0;
        return sd_bus_add_match_async(peers->bus, &peers->gone_match_all, GONE_RULE, on_name_gone,
                                      NULL, peers);
}

/* Has the bus tell when the peer is gone, and nothing of connections that never called. With many
 * peers one rule serves all: the bus limits the number of rules. */
static int peer_watch(Peer *peer)
{
        Peers *peers = peer->peers;
        char rule[512];

        int r;

        if (peers->gone_match_all || peers->n_matches >= MATCHES_MAX)
                return peers_watch_all(peers);
        if (snprintf(rule, sizeof(rule), GONE_RULE ",arg0='%s'", peer->unique_name) >=
            (int) sizeof(rule))
                return -EMSGSIZE;
        r = sd_bus_add_match_async(peers->bus, &peer->gone_match, rule, on_name_gone,
                                   on_match_added, peers);
        if (r >= 0)
                peers->n_matches++;
        return r;
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
        unread_init(&peer->unread, peers->bus, peer->unique_name, &peers->n_unread_bytes);
        r = peer_watch(peer);
        if (r >= 0)
                r = peer_look_up(peer);
        if (r < 0)
                return r;

        LIST_INSERT_HEAD(&peers->peers, peer, entry);
        peers->n_peers++;
        *ret = TAKE_PTR(peer);
        return 0;
}

Peer *peers_get(Peers *peers, const char *unique_name, bool look_up)
{
        Peer *peer = find_name(peers, unique_name);

        /* Out of memory: the next message tries again. */
        if (!peer && look_up)
                (void) peer_new(peers, unique_name, &peer);
        return peer && !peer->lookup ? peer : NULL;
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
        *ret = TAKE_PTR(peers);
        return 0;
}

Peers *peers_free(Peers *peers)
{
        if (!peers)
                return NULL;
        while (!LIST_EMPTY(&peers->peers))
                drop(LIST_FIRST(&peers->peers));
        sd_bus_slot_unref(peers->gone_match_all);
        quotas_free(peers->quotas);
        free(peers);
        return NULL;
}

const char *peer_unique_name(const Peer *peer)
{
        return peer->unique_name;
}
