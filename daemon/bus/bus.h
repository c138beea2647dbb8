/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "daemon/bus/dispatch/bus-state.h"

/*
 * The daemon on the bus: dev.passlock.Passlock1 with its objects. The XML files in dbus/ document
 * the members.
 */

/* Connects to the system bus ($DBUS_SYSTEM_BUS_ADDRESS) and registers the objects. Does not acquire
 * the bus name. */
int bus_new(sd_event *event, const BusOwner *owner, Bus **ret);
/* Sends queued messages and cancels requests in flight. Returns NULL. */
Bus *bus_free(Bus *bus);
DEFINE_CLEANUP(Bus *, bus_free);

/* Whether the bus has accepted the connection, and whether it is open no more. They do not wait. */
bool bus_is_connected(Bus *bus);
bool bus_is_closed(Bus *bus);

/* A round trip through the bus, see ping.h. */
void bus_ping(Bus *bus);
bool bus_is_answered(const Bus *bus);
bool bus_has_progress(Bus *bus);

/*
 * Has a connection without an owner take the place of one that hangs, with its settings, its name
 * and a record of that. Takes `old`. As at a restart, callers get no reply, and the objects are
 * missing until bus_show_tenancies(); subscribers get SubscriptionLost. Returns 0 or a negative
 * errno.
 */
int bus_replace(Bus *bus, Bus *old);

/* Acquires the bus name. -EEXIST or -EALREADY if the name is taken. */
int bus_acquire_name(Bus *bus);
/* Releases the bus name: new calls go to the next instance, earlier ones are still answered.
 * Requests that wait for polkit fail with AccessDenied. */
int bus_release_name(Bus *bus);
bool bus_is_stopping(const Bus *bus);
/* Whether no request is in flight, and ReleaseName is not pending, so that none can arrive. */
bool bus_is_idle(Bus *bus);
/* Counts the requests in flight. */
size_t bus_count_calls(const Bus *bus);

/* Applies a configuration. Takes the grants, and leaves the list empty. */
int bus_configure(Bus *bus, const char *default_tenancy, unsigned max_pending_per_user,
                  GrantList *grants);

/* The grants in force, whose users and groups may be resolved again. */
GrantList *bus_grants(Bus *bus);

/* Registers the object /dev/passlock/Passlock1/tenancy/LABEL of each tenancy, and removes the
 * objects of all others. */
int bus_show_tenancies(Bus *bus, Tenancy *const *tenancies, size_t n_tenancies);
