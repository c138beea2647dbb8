/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The inside of a tenancy, for the use cases of this layer. */

#include <sys/queue.h>

#include "daemon/api/api.h"
#include "daemon/core/tenancy.h"

typedef struct CrashRecovery CrashRecovery;
typedef struct DeleteRecovery DeleteRecovery;
typedef struct Exchanges Exchanges;
typedef LIST_HEAD(UnconfirmedDeletes, Delete) UnconfirmedDeletes;
typedef struct KeySetCache KeySetCache;
typedef struct Reconcile Reconcile;

/* A use case that keeps state with each tenancy. All functions but the first two may be NULL. */
typedef struct TenancyPart {
        /* Makes the state, frees it if there is any. Returns 0 or a negative errno. */
        int (*attach)(Tenancy *tenancy);
        void (*detach)(Tenancy *tenancy);
        /* The tenancy is configured, or the store has been opened: starts background work. */
        void (*start)(Tenancy *tenancy);
        /* Cancels background work, also before a new Api takes the place of the old one. The next
         * start, of the tenancy or the daemon, resumes it. */
        void (*stop)(Tenancy *tenancy);
        /* tenancy_aborts_calls() from now on: ends calls that would go on to ask the API. */
        void (*abort_calls)(Tenancy *tenancy);
        /* A caller's call has shown that the API is reachable again. */
        void (*api_is_back)(Tenancy *tenancy);
        /* The endpoint or its trust anchors have changed, or are not configured any more. */
        void (*issuer_changed)(Tenancy *tenancy);
        /* Adds findings for Diagnose. Returns 0 or -ENOMEM. */
        int (*find)(const Tenancy *tenancy, FindingList *list);
} TenancyPart;

struct Tenancy {
        unsigned n_ref;
        Tenancies *tenancies;
        LIST_ENTRY(Tenancy) entry; /* in the registry */
        char *id;
        char *label;      /* NULL before it is configured */
        char *credential; /* the same */
        Api *api;         /* the current one; NULL while it is not configured */
        unsigned n_busy;  /* changes that a stop waits for */
        TenancyState state;
        sd_event *event;
        struct Store *store;
        TenancyListener listener;
        /* The state of the parts. */
        Exchanges *exchanges;
        KeySetCache *key_set_cache; /* NULL before the first id_token */
        Reconcile *reconcile;       /* NULL: none is under way */
        UnconfirmedDeletes unconfirmed_deletes;
        CrashRecovery *crash_recovery;
        DeleteRecovery *delete_recovery;
};

/* Deletes in their third step, see vault-delete.c. */
extern const TenancyPart unconfirmed_deletes_part;

/* Whether there is a key to call the API with. */
bool tenancy_is_usable(const Tenancy *tenancy);
/* Whether a call that has begun is not to ask the API again: the daemon stops, or the key has been
 * taken away. In a tenancy that has left the configuration, calls go on with the Api that they
 * hold.
 */
bool tenancy_aborts_calls(const Tenancy *tenancy);

/* A change that a stop waits for is on its way to the store, and has been reported. The tenancy
 * stays alive in between. */
void tenancy_begin_change(Tenancy *tenancy);
void tenancy_end_change(Tenancy *tenancy);

/* Updates the state after an API call, if the call began with the current Api. `userdata` is the
 * tenancy. */
void tenancy_note_api_result(const Api *api, int r, void *userdata);

/* A link has been added or removed, on disk: leaves the record and calls the listener. */
void tenancy_tell_link_added(Tenancy *tenancy, const Link *link, const AuditOrigin *origin);
void tenancy_tell_link_removed(Tenancy *tenancy, const Link *link, const AuditOrigin *origin);

/* Records rows of a page of the vault that could not be read. The origin may be NULL. */
void tenancy_note_unreadable_rows(const Tenancy *tenancy, size_t n, const AuditOrigin *origin);
