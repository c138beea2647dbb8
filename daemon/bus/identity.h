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
typedef struct Identities Identities;
typedef struct Identity Identity;

/* `gone` is told of every connection that leaves the bus. `bus` must outlive this. Returns 0 or a
 * negative errno. */
typedef void (*IdentityGoneFunc)(const char *unique_name, void *userdata);
int identities_new(sd_bus *bus, IdentityGoneFunc gone, void *userdata, Identities **ret);
Identities *identities_free(Identities *identities);
DEFINE_CLEANUP(Identities *, identities_free);

/*
 * Who waits to know is told once, not before identities_find() has returned. r is 0 and `identity`
 * lent; or NULL, and r is negative: the bus would not say, or -ETIMEDOUT or -ENOMEM, which may be
 * otherwise the next time.
 */
typedef void (*IdentityFunc)(int r, Identity *identity, void *userdata);

/*
 * Finds who a unique name is. Returns 1 and a reference in *ret if that is known already, 0 if the
 * function will be told, or a negative errno; -EBUSY if `waiting_max` wait for this one already.
 */
int identities_find(Identities *identities, const char *unique_name, unsigned waiting_max,
                    IdentityFunc func, void *userdata, Identity **ret);

Identity *identity_ref(Identity *identity);
Identity *identity_unref(Identity *identity);
DEFINE_CLEANUP(Identity *, identity_unref);

const Caller *identity_caller(const Identity *identity);
/* Calls that wait for an answer, over all connections of the uid; to be counted by who serves them.
 */
unsigned *identity_n_pending(Identity *identity);
/* The same for questions to polkit about it. */
unsigned *identity_n_questions(Identity *identity);
/* May a failing call of this caller, or with NULL of one who is not known, leave a record? Who has
 * made many of late may not; see account.h. */
bool identities_may_record(Identities *identities, Identity *identity);

/* The tenancies, by label, whose links polkit has let this connection read. Returns 0 or -ENOMEM.
 */
int identity_add_readable(Identity *identity, const char *label);
bool identity_may_read(const Identity *identity, const char *label);
/* The label has another tenancy now, or none. */
void identities_forget_readable(Identities *identities, const char *label);

const char *identity_unique_name(const Identity *identity);

/* For each connection that is known to belong to somebody. */
void identities_foreach(Identities *identities,
                        void (*func)(const Identity *identity, void *userdata), void *userdata);
