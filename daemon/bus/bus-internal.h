/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the vtables of this layer share. */

#include <systemd/sd-bus.h>

#include "daemon/bus/bus.h"
#include "daemon/bus/identity.h"
#include "daemon/bus/polkit.h"
#include "dbus/names.h"

typedef struct Request Request;

/* The object of a label, and the tenancy that the label stands for. */
typedef struct BusTenancy {
        struct BusTenancy *next;
        Bus *bus;
        char *label;
        char *path;
        Tenancy *tenancy;
        char *endpoint; /* the tenancy's, as it has been shown */
} BusTenancy;

struct Bus {
        sd_bus *bus;
        BusOwner owner;
        sd_bus_slot *slots[16]; /* vtables and matches */
        size_t n_slots;
        Identities *identities;
        Polkit *polkit;
        Request *requests;
        BusTenancy *tenancies;
        GrantList grants;
        char *default_tenancy;
        unsigned max_pending_per_user;
        bool releasing; /* the name, and calls by it may still come */
        bool stopping;  /* nobody is asked anything any more */
};

BusTenancy *bus_find_tenancy(Bus *bus, const char *label);

extern const sd_bus_vtable manager_vtable[]; /* userdata: Bus */
extern const sd_bus_vtable tenancy_vtable[]; /* userdata: BusTenancy, as the next */
extern const sd_bus_vtable links_vtable[];
extern const sd_bus_vtable vault_vtable[];
extern const sd_bus_vtable mailbox_vtable[];

/* Added and Removed, to those who may know. */
void links_emit(BusTenancy *object, const char *member, const Link *link);
