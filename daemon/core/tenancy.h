/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"
#include "base/secret.h"
#include "daemon/audit/audit.h"
#include "daemon/model/link.h"

/*
 * One tenancy: whom the API calls go to, what is known of its state, and its links in the store.
 * Use cases work on it (authorize.h, exchange.h, links.h). One thread; reference-counted, so that a
 * tenancy that leaves the configuration lives until its last call has ended.
 */
typedef struct Tenancy Tenancy;
struct Api;
struct Store;

typedef enum TenancyState {
        TENANCY_UNCONFIGURED, /* no key */
        TENANCY_READY,
        TENANCY_DENIED,   /* the API refused the key */
        TENANCY_DEGRADED, /* the API gave no usable answer */
} TenancyState;

const char *tenancy_state_to_string(TenancyState state);

/* Told what happens, each function after the fact. Texts are lent. */
typedef struct TenancyListener {
        void (*state_changed)(Tenancy *tenancy, void *userdata);
        void (*link_added)(Tenancy *tenancy, const Link *link, void *userdata);
        void (*link_removed)(Tenancy *tenancy, const Link *link, void *userdata);
        void *userdata;
} TenancyListener;

/* Takes `api` over; the store must outlive the tenancy. Returns 0 or -ENOMEM. */
int tenancy_new(const char *label, struct Api *api, struct Store *store, Tenancy **ret);
Tenancy *tenancy_ref(Tenancy *tenancy);
Tenancy *tenancy_unref(Tenancy *tenancy);
DEFINE_CLEANUP(Tenancy *, tenancy_unref);

/* All strings are copied, the key is referenced; NULL leaves the tenancy unconfigured. Calls in
 * flight end as they began. Returns 0 or a negative errno, and then nothing has changed. */
int tenancy_configure(Tenancy *tenancy, const char *tenancy_id, const char *endpoint,
                      const char *ca_file, uint64_t timeout_ms, Secret *key);

/* What the credential of the key is called, which is only to be shown. Returns 0 or -ENOMEM. */
int tenancy_set_credential(Tenancy *tenancy, const char *name);

/* Calls off what the tenancy does by itself. It is busy until that has ended. */
void tenancy_stop(Tenancy *tenancy);
bool tenancy_is_busy(const Tenancy *tenancy);

/* NULL: nobody is told any more. */
void tenancy_set_listener(Tenancy *tenancy, const TenancyListener *listener);

const char *tenancy_label(const Tenancy *tenancy);
const char *tenancy_id(const Tenancy *tenancy);
const char *tenancy_endpoint(const Tenancy *tenancy);
/* NULL for the system's trust anchors. */
const char *tenancy_ca_file(const Tenancy *tenancy);
TenancyState tenancy_state(const Tenancy *tenancy);
const char *tenancy_credential(const Tenancy *tenancy);
/* NULL if there is none; lent. */
Secret *tenancy_key(const Tenancy *tenancy);
