/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/queue.h>
#include <systemd/sd-bus.h>

#include "daemon/bus/dispatch/peer.h"
#include "daemon/bus/dispatch/polkit.h"
#include "daemon/bus/dispatch/turns.h"
#include "daemon/core/call.h"
#include "daemon/core/tenancy.h"
#include "daemon/model/access.h"
#include "daemon/model/finding.h"
#include "dbus/names.h"

typedef struct Bus Bus;
typedef struct Ping Ping;
typedef struct Request Request;

/* Result of a reload: r is 0, an Error or a negative errno; `text` may say more of an Error. */
typedef void (*BusReloadedFunc)(int r, const char *text, void *userdata);

/* Callbacks of the bus into the daemon; NULL: none. */
typedef struct BusOwner {
        /* Reloads configuration and credentials, and records that. Returns 0 if `done` will be
         * called, once and later; or an Error, which *ret_text (to be freed) may explain, or a
         * negative errno. */
        int (*reload)(void *userdata, const AuditOrigin *origin, BusReloadedFunc done,
                      void *done_userdata, char **ret_text);
        /* Adds findings for Diagnose. Returns 0 or -ENOMEM. */
        int (*diagnose)(void *userdata, FindingList *list);
        /* Adds the metrics, but for those of the bus. */
        void (*report)(void *userdata, MetricsReport *report);
        /* Gets the state of the store, as the start function of a Call. */
        int (*get_store)(void *userdata, ResultFunc func, void *func_userdata, Call **ret);
        /* Compares the replica with the shared store; NOT_CONFIGURED without one. */
        int (*verify_store)(void *userdata, ResultFunc func, void *func_userdata, Call **ret);
        /* Imports the links of this host's own store into the shared store, or counts them;
         * NOT_CONFIGURED without a shared store, NOT_FOUND without an own one. */
        int (*join_store)(void *userdata, bool apply, const AuditOrigin *origin, ResultFunc func,
                          void *func_userdata, Call **ret);
        /* Makes the replica of the shared store the store of this host, or only counts;
         * NOT_CONFIGURED without a shared store, or if this host has left it. */
        int (*leave_store)(void *userdata, bool apply, const AuditOrigin *origin, ResultFunc func,
                           void *func_userdata, Call **ret);
        /* A request has ended. */
        void (*request_ended)(void *userdata);
        /* The connection is closed. */
        void (*disconnected)(void *userdata);
        void *userdata;
} BusOwner;

/* The object of a label, and the tenancy that the label stands for. */
typedef struct BusTenancy {
        LIST_ENTRY(BusTenancy) entry;
        Bus *bus;
        char *label;
        char *path;
        Tenancy *tenancy;
        char *endpoint; /* of the tenancy, as in the Endpoint property */
        struct Subscriptions *subscriptions;
        size_t unsent_bytes; /* of changes that not all subscribers have been sent yet */
        uint64_t held_at_us; /* when a request last had to wait for these; 0: never */
} BusTenancy;

/* A method by its name, for Manager.Explain. */
typedef struct NamedMethod {
        const char *member;
        const struct Method *method;
        const struct Method *applying; /* with dry_run false; NULL: there is no dry run */
        bool of_tenancy;               /* of the manager, but about a tenancy */
} NamedMethod;

/* An interface of the manager's object, or of the tenancies' objects. */
typedef struct BusInterface {
        const char *name;
        const sd_bus_vtable *vtable;
        const NamedMethod *methods; /* all of the vtable; ends with a NULL member */
        bool of_tenancies;
} BusInterface;

struct Bus {
        sd_bus *bus;
        const BusInterface *interfaces; /* ends with a NULL name */
        unsigned n_subscriptions;       /* to links, of all callers */
        BusOwner owner;
        sd_bus_slot *slots[16]; /* vtables and matches */
        size_t n_slots;
        Peers *peers;
        Polkit *polkit;
        Turns *turns;
        Ping *ping;
        LIST_HEAD(, Request) requests;
        unsigned n_slots_taken; /* requests with a slot of an API */
        LIST_HEAD(, BusTenancy) tenancies;
        BusTenancy *recent; /* the last one that was found by its path, or NULL */
        GrantList grants;
        unsigned grants_generation; /* changes whenever a grant may have; never 0 */
        char *default_tenancy;
        unsigned max_pending_per_user;
        bool releasing; /* ReleaseName is pending: calls may still arrive */
        bool stopping;  /* polkit is not asked any more */
        Bus *replaced;  /* the one before, until its last request ends; or NULL */
};

/* The grants for a peer. */
static inline const GrantList *bus_grants_of(const Bus *bus, Peer *peer)
{
        return peer_grants(peer, &bus->grants, bus->grants_generation);
}

/* Finds the object of a path. NULL if there is none. Remembers it: the next call is often for the
 * same tenancy. */
static inline BusTenancy *bus_find_path(Bus *bus, const char *path)
{
        BusTenancy *t = bus->recent;

        if (t && streq(t->path, path))
                return t;
        LIST_FOREACH(t, &bus->tenancies, entry)
                if (streq(t->path, path))
                        return bus->recent = t;
        return NULL;
}

/* Finds the object of a label. NULL if there is none. */
static inline BusTenancy *bus_find_tenancy(const Bus *bus, const char *label)
{
        BusTenancy *t = bus->recent;

        if (t && streq(t->label, label))
                return t;
        LIST_FOREACH(t, &bus->tenancies, entry)
                if (streq(t->label, label))
                        return t;
        return NULL;
}
