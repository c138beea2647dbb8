/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "base/macro.h"
#include "base/secret.h"
#include "daemon/audit/audit.h"
#include "daemon/model/finding.h"
#include "daemon/model/link.h"

/*
 * One tenancy: its links in the store, how to reach it, and what is known of its state. There is
 * one for each tenancy id, and the id never changes: a label that a new configuration gives to
 * another id gets another Tenancy, and calls in flight end in the one that they began in.
 *
 * Use cases work on a tenancy (authorize.h, exchange.h, links.h). One thread; reference-counted. A
 * tenancy that leaves the configuration is kept until the daemon stops, for what only this process
 * knows of its exchanges and deletes; but its key is dropped once its last call has ended.
 */
typedef struct Tenancy Tenancy;
struct ApiContext;
struct Store;
struct TenancyPart;

typedef enum TenancyState {
        TENANCY_UNCONFIGURED, /* no key */
        TENANCY_READY,
        TENANCY_DENIED,   /* the API refused the key */
        TENANCY_DEGRADED, /* the API gave no usable answer */
} TenancyState;

const char *tenancy_state_to_string(TenancyState state);

/* The registry: all tenancies that were ever configured. */
typedef struct Tenancies Tenancies;

/* Event loop, API and store must outlive it and every tenancy. `parts`, ended by NULL, are the use
 * cases that keep state with each tenancy, see tenancy-parts.h. Returns 0 or -ENOMEM. */
int tenancies_new(sd_event *event, struct ApiContext *api, struct Store *store,
                  const struct TenancyPart *const *parts, Tenancies **ret);
/* Drops all tenancies, before their event loop, API and store go. Returns NULL. */
Tenancies *tenancies_free(Tenancies *tenancies);
DEFINE_CLEANUP(Tenancies *, tenancies_free);

/* A reference to the tenancy of an id: the one in the registry, or a new one, which is not
 * configured yet. Returns 0 or -ENOMEM. */
int tenancies_get(Tenancies *tenancies, const char *tenancy_id, Tenancy **ret);
/* The store could not be opened before, and is open now. */
void tenancies_store_is_open(Tenancies *tenancies);
/* The daemon stops: calls off all background work, which the next start goes on with, and ends
 * calls that would take more than one API call. */
void tenancies_stop(Tenancies *tenancies);
/* Whether a tenancy still waits for the store to report changes. */
bool tenancies_are_busy(const Tenancies *tenancies);

Tenancy *tenancy_ref(Tenancy *tenancy);
Tenancy *tenancy_unref(Tenancy *tenancy);
DEFINE_CLEANUP(Tenancy *, tenancy_unref);

/* Called after the fact. Arguments are lent. */
typedef struct TenancyListener {
        void (*state_changed)(Tenancy *tenancy, void *userdata);
        void (*link_added)(Tenancy *tenancy, const Link *link, void *userdata);
        void (*link_removed)(Tenancy *tenancy, const Link *link, void *userdata);
        void *userdata;
} TenancyListener;

/* NULL: none. */
void tenancy_set_listener(Tenancy *tenancy, const TenancyListener *listener);

typedef struct TenancySettings {
        const char *label;
        const char *endpoint;
        const char *ca_file; /* NULL: the system's trust anchors */
        uint64_t timeout_ms;
        const char *credential; /* what holds the key, to be shown */
        Secret *key;            /* NULL: none yet */
} TenancySettings;

/* Strings are copied, the key is referenced. Calls in flight end as they began. Returns 0 or a
 * negative errno, and then nothing has changed. */
int tenancy_configure(Tenancy *tenancy, const TenancySettings *settings);
/* It has left the configuration: ends its background work, and drops its Api. */
void tenancy_retire(Tenancy *tenancy);

const char *tenancy_id(const Tenancy *tenancy);
/* The following are as configured last; "" before that. Only the label outlives the configuration.
 */
const char *tenancy_label(const Tenancy *tenancy);
const char *tenancy_endpoint(const Tenancy *tenancy);
/* NULL for the system's trust anchors. */
const char *tenancy_ca_file(const Tenancy *tenancy);
const char *tenancy_credential(const Tenancy *tenancy);
/* NULL if there is none; lent. */
Secret *tenancy_key(const Tenancy *tenancy);
TenancyState tenancy_state(const Tenancy *tenancy);

/* Adds findings on what a crash has left to do. Returns 0 or -ENOMEM. */
int tenancy_find(const Tenancy *tenancy, FindingList *list);
