/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The inside of a tenancy, for the use cases of this layer. */

#include "daemon/api/api.h"
#include "daemon/core/tenancy.h"

typedef struct CrashRecovery CrashRecovery;
typedef struct DeleteRecovery DeleteRecovery;
typedef struct Exchanges Exchanges;
typedef struct KeyRing KeyRing;
typedef struct Reconcile Reconcile;

struct Tenancy {
        unsigned n_ref;
        Tenancies *tenancies;
        Tenancy *next; /* of those that are alive */
        char *id;
        char *label;      /* NULL before it is configured */
        char *credential; /* the same */
        Api *api;         /* the current one; NULL before it is configured */
        bool retired;     /* not configured any more */
        unsigned n_busy;  /* changes that a stop waits for */
        TenancyState state;
        sd_event *event;
        struct Store *store;
        TenancyListener listener;
        Exchanges *exchanges;            /* see exchange.c */
        KeyRing *key_ring;               /* NULL before the first id_token; see identify.c */
        Reconcile *reconcile;            /* under way, or NULL; see reconcile.c */
        CrashRecovery *crash_recovery;   /* see crash-recovery.c */
        DeleteRecovery *delete_recovery; /* see delete-recovery.c */
};

/* Whether there is a key to call the API with. */
bool tenancy_is_usable(const Tenancy *tenancy);

/* A change that a stop waits for is on its way to the store, and has been reported. The tenancy
 * stays alive in between. */
void tenancy_begin_change(Tenancy *tenancy);
void tenancy_end_change(Tenancy *tenancy);

/* Learns from how a caller's API call ended, if it was begun with the current Api. */
void tenancy_note_api_result(Tenancy *tenancy, const Api *api, int r);

/* A link has been added or removed, on disk: leaves the record and calls the listener. */
void tenancy_tell_link_added(Tenancy *tenancy, const Link *link, const AuditOrigin *origin);
void tenancy_tell_link_removed(Tenancy *tenancy, const Link *link, const AuditOrigin *origin);

/* Records rows of a page of the vault that could not be read. The origin may be NULL. */
void tenancy_note_unreadable_rows(const Tenancy *tenancy, size_t n, const AuditOrigin *origin);

/* The parts that a tenancy owns. */
int exchanges_new(Tenancy *tenancy, Exchanges **ret);
Exchanges *exchanges_free(Exchanges *exchanges);
DEFINE_CLEANUP(Exchanges *, exchanges_free);
KeyRing *key_ring_unref(KeyRing *ring);
