/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "daemon/bus/dispatch/quota.h"
#include "daemon/bus/dispatch/unread.h"
#include "daemon/model/grant.h"

/*
 * Peer credentials of the connections to the bus. The bus driver knows uid and groups from the
 * socket, without a race (GetConnectionCredentials); they are never taken from a message or from
 * /proc. They are cached for the life of the connection, since unique names are never reused.
 *
 * A failed lookup means that the caller is unknown, and never root.
 */
typedef struct Peers Peers;
typedef struct Peer Peer;

/* `gone` runs for every connection that is closed. `bus` must outlive this. Returns 0 or a negative
 * errno. */
typedef void (*PeerGoneFunc)(const char *unique_name, void *userdata);
int peers_new(sd_bus *bus, PeerGoneFunc gone, void *userdata, Peers **ret);
Peers *peers_free(Peers *peers);
DEFINE_CLEANUP(Peers *, peers_free);

/*
 * Runs once, never before peers_find() has returned. The peer is lent, and NULL if the lookup
 * failed: -ETIMEDOUT and -ENOMEM are transient, other errors mean that the bus refused.
 */
typedef void (*PeerFunc)(int r, Peer *peer, void *userdata);

/*
 * Looks up the peer of a unique name. Returns 1 and a reference in *ret if it is cached, 0 if the
 * function will run, or a negative errno; -EBUSY if `waiting_max` lookups of this peer are pending.
 */
int peers_find(Peers *peers, const char *unique_name, unsigned waiting_max, PeerFunc func,
               void *userdata, Peer **ret);

/* The peer of a unique name whose credentials are known, lent. Else NULL; then `look_up` starts to
 * look them up. */
Peer *peers_get(Peers *peers, const char *unique_name, bool look_up);

/* At least 1. */
size_t peers_count(const Peers *peers);
/* Unread bytes of all peers, see unread.h. */
size_t peers_unread_bytes(const Peers *peers);

Peer *peer_ref(Peer *peer);
Peer *peer_unref(Peer *peer);
DEFINE_CLEANUP(Peer *, peer_unref);

const Caller *peer_caller(const Peer *peer);
/* Lent; shared by all connections of the uid. */
Quota *peer_quota(Peer *peer);
/* The messages that the connection has not read. Lent. */
Unread *peer_unread(Peer *peer);
/* The number of its parked requests, see turns.h. Lent. */
unsigned *peer_n_parked(Peer *peer);

/* The grants for this peer, in their order; or `all` if out of memory. Cached for each `generation`
 * of the grants. Lent, until the grants change. */
const GrantList *peer_grants(Peer *peer, const GrantList *all, unsigned generation);
/* Whether any grant is for this peer, or polkit has authorized one of its calls. */
bool peer_is_granted(Peer *peer, const GrantList *all, unsigned generation);
/* Notes that polkit has authorized a call. */
void peer_set_authorized(Peer *peer);

/* Whether a failing call of this peer (NULL: unknown) may leave an audit record: the rate is
 * limited, see quota.h. */
bool peers_may_record(Peers *peers, Peer *peer);
/* The quota of all connections whose uid is not known. Lent. */
Quota *peers_strangers(Peers *peers);

const char *peer_unique_name(const Peer *peer);
