/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "base/macro.h"
#include "daemon/model/grant.h"

/*
 * Who is on the bus. The bus driver knows from the socket, without a race, what uid and groups a
 * connection has (GetConnectionCredentials); nothing is ever taken from a message, nor read from
 * /proc. It is asked once a connection, and what it said is dropped when the connection goes:
 * unique names are never used again.
 *
 * A lookup that fails says that nothing is known, which is no caller at all and surely not root.
 */
typedef struct Peers Peers;
typedef struct Peer Peer;

/* `gone` is told of every connection that leaves the bus. `bus` must outlive this. Returns 0 or a
 * negative errno. */
typedef void (*PeerGoneFunc)(const char *unique_name, void *userdata);
int peers_new(sd_bus *bus, PeerGoneFunc gone, void *userdata, Peers **ret);
Peers *peers_free(Peers *peers);
DEFINE_CLEANUP(Peers *, peers_free);

/*
 * Who waits to know is told once, not before peers_find() has returned. r is 0 and `peer`
 * lent; or NULL, and r is negative: the bus would not say, or -ETIMEDOUT or -ENOMEM, which may be
 * otherwise the next time.
 */
typedef void (*PeerFunc)(int r, Peer *peer, void *userdata);

/*
 * Finds who a unique name is. Returns 1 and a reference in *ret if that is known already, 0 if the
 * function will be told, or a negative errno; -EBUSY if `waiting_max` wait for this one already.
 */
int peers_find(Peers *peers, const char *unique_name, unsigned waiting_max, PeerFunc func,
               void *userdata, Peer **ret);

Peer *peer_ref(Peer *peer);
Peer *peer_unref(Peer *peer);
DEFINE_CLEANUP(Peer *, peer_unref);

const Caller *peer_caller(const Peer *peer);
/* Calls that wait for an answer, over all connections of the uid; to be counted by who serves them.
 */
unsigned *peer_n_pending(Peer *peer);
/* The same for questions to polkit about it. */
unsigned *peer_n_questions(Peer *peer);
/* May a failing call of this caller, or with NULL of one who is not known, leave a record? Who has
 * made many of late may not; see quota.h. */
bool peers_may_record(Peers *peers, Peer *peer);

/* The tenancies, by label, whose links polkit has let this connection read. Returns 0 or -ENOMEM.
 */
int peer_add_readable(Peer *peer, const char *label);
bool peer_may_read(const Peer *peer, const char *label);
/* The label has another tenancy now, or none. */
void peers_forget_readable(Peers *peers, const char *label);

const char *peer_unique_name(const Peer *peer);

/* For each connection that is known to belong to somebody. */
void peers_foreach(Peers *peers, void (*func)(const Peer *peer, void *userdata), void *userdata);
