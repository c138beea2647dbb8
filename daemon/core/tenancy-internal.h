/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the use cases of this layer see of a tenancy, and nobody else. */

#include "daemon/core/tenancy.h"

typedef struct Exchange Exchange;
typedef struct KeyRing KeyRing;
typedef struct Reconcile Reconcile;
typedef struct Settlement Settlement;

struct Tenancy {
        unsigned n_ref;
        char *label;
        char *tenancy_id;
        char *endpoint;
        char *ca_file;       /* NULL: the system's trust anchors */
        char *credential;    /* the name of the key's; NULL before it is told */
        Secret *key;         /* NULL: none */
        unsigned generation; /* of what tenancy_configure() said */
        TenancyState state;
        struct Api *api;
        struct Store *store;
        TenancyListener listener;
        Exchange *exchanges;    /* under way, or kept for a repeat; see exchange.c */
        KeyRing *key_ring;      /* NULL before the first id_token; see identify.c */
        Reconcile *reconcile;   /* under way, or NULL; see reconcile.c */
        Settlement *settlement; /* NULL before it is configured; see settle.c */
};

/* Learns from how an API call ended, if it was begun under what is configured now. */
void tenancy_note_api_result(Tenancy *tenancy, unsigned generation, int r);
/* A link has come or gone, on disk: leaves the record and tells who listens. */
void tenancy_tell_link_added(Tenancy *tenancy, const Link *link, const Cause *cause);
void tenancy_tell_link_removed(Tenancy *tenancy, const Link *link, const Cause *cause);

KeyRing *key_ring_free(KeyRing *ring);
/* The keys are another issuer's from now on. */
void key_ring_forget(Tenancy *tenancy);

/* Frees what exchange.c keeps here. Nothing is under way any more. */
void exchange_forget_all(Tenancy *tenancy);
