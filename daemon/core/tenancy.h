/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "base/macro.h"
#include "daemon/audit/audit.h"
#include "daemon/metrics/report.h"
#include "daemon/model/finding.h"
#include "daemon/model/link.h"

/*
 * A tenancy: its links in the store, its API settings and its state. There is one Tenancy per
 * tenancy id. If a new configuration gives a label to another id, the label gets another Tenancy,
 * and calls in flight end in the tenancy in which they began.
 *
 * Use cases operate on a tenancy (authorize.h, exchange.h, links.h). Single-threaded;
 * reference-counted. A tenancy that leaves the configuration is kept until the daemon stops,
 * because only this process knows its unsaved exchanges and pending deletes. Its account is
 * released after its last call.
 */
typedef struct Tenancy Tenancy;
struct ApiContext;
struct Store;
struct TenancyPart;

typedef enum TenancyState {
        TENANCY_UNCONFIGURED, /* no key */
        TENANCY_READY,
        TENANCY_DENIED,   /* the API refused the key */
        TENANCY_DEGRADED, /* the API was unreachable, or its reply malformed */
} TenancyState;

const char *tenancy_state_to_string(TenancyState state);

/* The registry of all tenancies that were ever configured. */
typedef struct Tenancies Tenancies;

/* All use cases with per-tenancy state, NULL-terminated. */
extern const struct TenancyPart *const tenancy_parts[];

/* Event loop, API and store must outlive the registry and every tenancy. `parts` is normally
 * tenancy_parts. Returns 0 or -ENOMEM. */
int tenancies_new(sd_event *event, struct ApiContext *api, struct Store *store,
                  const struct TenancyPart *const *parts, Tenancies **ret);
/* Drops all tenancies. Call it before the event loop, the API and the store are freed. Returns
 * NULL. */
Tenancies *tenancies_free(Tenancies *tenancies);
DEFINE_CLEANUP(Tenancies *, tenancies_free);

/* Returns a reference to the tenancy with the id. Adds an unconfigured tenancy if there is none.
 * Returns 0 or -ENOMEM. */
int tenancies_get(Tenancies *tenancies, const char *tenancy_id, Tenancy **ret);
/* The store was opened after an earlier failure. */
void tenancies_store_is_open(Tenancies *tenancies);
/* Other hosts have changed links of a tenancy; tells its listener. */
void tenancies_links_changed(Tenancies *tenancies, const char *tenancy_id, const LinkList *added,
                             const LinkList *removed);
/* A host of the shared store has been away for a while: takes over what it has left unfinished. */
void tenancies_host_is_away(Tenancies *tenancies, unsigned host);
/* Before the daemon stops: cancels background work, which the next start resumes, and ends calls
 * that need more than one API call. */
void tenancies_stop(Tenancies *tenancies);
/* Whether any store change is in flight. */
bool tenancies_are_busy(const Tenancies *tenancies);

Tenancy *tenancy_ref(Tenancy *tenancy);
Tenancy *tenancy_unref(Tenancy *tenancy);
DEFINE_CLEANUP(Tenancy *, tenancy_unref);

/* Called after the change. Arguments are lent. */
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
        const char *credential; /* name of the credential, for messages */
        uint64_t account;       /* see ApiSettings */
        uint64_t key;           /* 0: none yet */
} TenancySettings;

/* Copies the strings. Calls in flight keep the previous settings. Returns 0, or
 * a negative errno without a change. */
int tenancy_configure(Tenancy *tenancy, const TenancySettings *settings);
/* The tenancy has left the configuration: ends its background work, and drops its Api. */
void tenancy_retire(Tenancy *tenancy);

const char *tenancy_id(const Tenancy *tenancy);
/* The following return the last configuration, "" before the first. After tenancy_retire(), only
 * the label remains. */
const char *tenancy_label(const Tenancy *tenancy);
const char *tenancy_endpoint(const Tenancy *tenancy);
/* NULL for the system's trust anchors. */
const char *tenancy_ca_file(const Tenancy *tenancy);
const char *tenancy_credential(const Tenancy *tenancy);
/* The account and the key of the settings in force; 0 if there is none. */
uint64_t tenancy_account(const Tenancy *tenancy);
uint64_t tenancy_key(const Tenancy *tenancy);
/* Whether the key holder has said that there is a key. */
bool tenancy_has_key(const Tenancy *tenancy);
TenancyState tenancy_state(const Tenancy *tenancy);
/* How many calls the API answers at once, and how long one may take; 0 while not configured. */
unsigned tenancy_api_slots(const Tenancy *tenancy);
uint64_t tenancy_timeout_ms(const Tenancy *tenancy);
/* Whether the API replied to a call after the time, by monotonic_ms(). */
bool tenancy_api_replied_since(const Tenancy *tenancy, uint64_t ms);
/* While the API is known to be down: seconds until it is tried again; else 0. */
uint32_t tenancy_retry_after_s(const Tenancy *tenancy);

/* Adds the metrics of a configured tenancy. */
void tenancy_report(Tenancy *tenancy, MetricsReport *report);

/* Adds findings about unfinished recoveries. Returns 0 or -ENOMEM. */
int tenancy_find(const Tenancy *tenancy, FindingList *list);
