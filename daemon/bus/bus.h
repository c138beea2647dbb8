/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "daemon/core/tenancy.h"
#include "daemon/model/finding.h"
#include "daemon/model/grant.h"

/*
 * The daemon on the bus: dev.passlock.Passlock1 with its objects. What each member means is in the
 * XML files in dbus/; who may call it is decided here, by the grants.
 */
typedef struct Bus Bus;

/* r is 0, an Error or a negative errno; `text` says more of an Error, or is NULL. */
typedef void (*BusReloadedFunc)(int r, const char *text, void *userdata);

/* What the bus asks of the daemon above it. */
typedef struct BusOwner {
        /* Reads configuration and credentials again, and leaves a record of it. Returns 0 if `done`
         * will be called, once and later; or what it fails with, of which *ret_text (the caller's)
         * says more if it is an Error. */
        int (*reload)(void *userdata, const AuditOrigin *origin, BusReloadedFunc done,
                      void *done_userdata, char **ret_text);
        /* Adds what is missing or odd now. Returns 0 or -ENOMEM. */
        int (*diagnose)(void *userdata, FindingList *list);
        /* The connection is gone; nothing can be answered any more. */
        void (*disconnected)(void *userdata);
        void *userdata;
} BusOwner;

/* Connects to the system bus ($DBUS_SYSTEM_BUS_ADDRESS) and offers the objects, not yet the name.
 */
int bus_new(sd_event *event, const BusOwner *owner, Bus **ret);
/* Sends what is queued, cancels what is in flight. Returns NULL. */
Bus *bus_free(Bus *bus);
DEFINE_CLEANUP(Bus *, bus_free);

/* From here on calls come in. -EEXIST or -EALREADY if somebody has the name. */
int bus_acquire_name(Bus *bus);
/* New calls go elsewhere; those that came before, also if they have not been read yet, are still
 * answered; with AccessDenied, if that would take a person. */
int bus_release_name(Bus *bus);
/* No call is in flight, and none can come any more by a name that is being released. */
bool bus_is_idle(Bus *bus);
/* How many are. */
size_t bus_count_calls(const Bus *bus);

/* The rules from now on. Takes the list over and leaves it empty. */
int bus_configure(Bus *bus, const char *default_tenancy, unsigned max_pending_per_user,
                  GrantList *grants);

/* The rules in force, whose names may get other answers. */
GrantList *bus_grants(Bus *bus);

/* Shows these tenancies, each at /dev/passlock/Passlock1/tenancy/<its label>, and no others. */
int bus_show_tenancies(Bus *bus, Tenancy *const *tenancies, size_t n_tenancies);
