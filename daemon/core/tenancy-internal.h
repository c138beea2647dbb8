/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The members of a tenancy, for the use cases of this layer. */

#include <sys/queue.h>

#include "daemon/api/api.h"
#include "daemon/core/tenancy.h"

typedef struct ApiWatch ApiWatch;
typedef struct CrashRecovery CrashRecovery;
typedef struct DeleteRecovery DeleteRecovery;
typedef struct Exchanges Exchanges;
typedef LIST_HEAD(UnconfirmedDeletes, Delete) UnconfirmedDeletes;
typedef struct KeySetCache KeySetCache;
typedef struct Reconcile Reconcile;

/* A use case with per-tenancy state. All functions may be NULL. */
typedef struct TenancyPart {
        /* Create and free the state. attach returns 0 or a negative errno. */
        int (*attach)(Tenancy *tenancy);
        void (*detach)(Tenancy *tenancy);
        /* The tenancy was configured, or the store was opened: starts background work. */
        void (*start)(Tenancy *tenancy);
        /* Intents of a host that is away have become those of this one. */
        void (*intents_added)(Tenancy *tenancy);
        /* Cancels background work, also before another Api replaces the current one. The next start
         * of the tenancy or of the daemon resumes it. */
        void (*stop)(Tenancy *tenancy);
        /* tenancy_aborts_calls() has become true: ends calls that have more API calls to make. */
        void (*abort_calls)(Tenancy *tenancy);
        /* The API may be down: the state has changed, or calls failed in a row. */
        void (*api_doubted)(Tenancy *tenancy);
        /* A foreground call has reached the API again. */
        void (*api_is_back)(Tenancy *tenancy);
        /* The endpoint or its trust anchors have changed, or the tenancy has left the
         * configuration. */
        void (*issuer_changed)(Tenancy *tenancy);
        /* Adds findings for Diagnose. Returns 0 or -ENOMEM. */
        int (*find)(const Tenancy *tenancy, FindingList *list);
} TenancyPart;

struct Tenancy {
        unsigned n_ref;
        Tenancies *tenancies;
        LIST_ENTRY(Tenancy) entry; /* in the registry */
        char *id;
        char *label;      /* NULL before the first configuration */
        char *credential; /* NULL before the first configuration */
        Api *api;         /* NULL while not configured */
        bool taking_over; /* intents of another host */
        unsigned n_busy;  /* store changes that the daemon waits for before it stops */
        TenancyState state;
        sd_event *event;
        struct Store *store;
        TenancyListener listener;
        ApiCounts api_counts;
        uint64_t timed_key;    /* the last key that was known */
        uint64_t key_since_ms; /* realtime; 0: no key */
        /* State of the parts */
        ApiWatch *api_watch;
        Exchanges *exchanges;
        KeySetCache *key_set_cache; /* NULL before the first id_token */
        Reconcile *reconcile;       /* in progress, or NULL */
        UnconfirmedDeletes unconfirmed_deletes;
        CrashRecovery *crash_recovery;
        DeleteRecovery *delete_recovery;
};

/* The deletes that look up each passkey, see vault-delete.c. */
extern const TenancyPart unconfirmed_deletes_part;

/* Whether the tenancy has an API key. */
bool tenancy_is_usable(const Tenancy *tenancy);
/* Whether a call may be made now. Returns 0, NOT_CONFIGURED, or UNREACHABLE while the API is known
 * to be down. */
int tenancy_check_api(Tenancy *tenancy);
/* Whether calls in flight must not start another API call: the daemon stops, or the key was
 * removed. In a tenancy that has left the configuration, calls continue with the Api that they
 * hold. */
bool tenancy_aborts_calls(const Tenancy *tenancy);

/* Begin and end of a store change, for which the daemon waits before it stops, and which keeps the
 * tenancy alive. */
void tenancy_begin_change(Tenancy *tenancy);
void tenancy_end_change(Tenancy *tenancy);

/* Updates the state after an API call, if the call used the current Api. `userdata` is the tenancy.
 */
void tenancy_note_api_result(const Api *api, int r, void *userdata);

/* Links have been added or removed on disk: writes audit records, and calls the listener. */
void tenancy_notify_link_added(Tenancy *tenancy, const Link *link, const AuditOrigin *origin);
void tenancy_notify_links_removed(Tenancy *tenancy, const LinkList *links,
                                  const AuditOrigin *origin);

/* Audits unreadable rows of a vault page. The origin may be NULL. */
void tenancy_note_unreadable_rows(const Tenancy *tenancy, size_t n, const AuditOrigin *origin);
