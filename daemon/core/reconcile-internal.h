/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Shared by the two passes. */

#include "daemon/core/id-set.h"
#include "daemon/core/reconcile.h"
#include "daemon/core/tenancy-internal.h"
#include "daemon/core/vault-iterator.h"
#include "daemon/core/vault-probe.h"

/*
 * The next step starts when all open operations have ended: a page of the vault with its store
 * change, or a page of the links with its passkey lookups and store change. A cancelled
 * reconciliation ends after the store change in flight.
 */
struct Reconcile {
        Call call;
        ReconcileOptions options;
        AuditOrigin origin;
        ReconcileProgressFunc progress;

        uint64_t begun_at_ms;
        uint64_t n_links;
        VaultIterator *iterator;
        IdSet *seen;  /* ids of the passkeys that the vault listed */
        char *cursor; /* of the links; NULL: first page */
        bool links_done;
        LinkList suspects; /* links that the vault did not list */
        VaultProbe *probe;
        LinkList gone; /* to be removed at the end, within options.max_remove */

        size_t n_open; /* open operations */
        bool cancelled;
        int failure;
        uint32_t retry_after_s;
        ReconcileCounts counts;
};

/* Ends the reconciliation with r after all open operations. Only the first failure counts. */
void reconcile_fail(Reconcile *reconcile, int r, uint32_t retry_after_s);
/* An operation has ended. May free the reconciliation. */
void reconcile_close(Reconcile *reconcile);
/* Begin and end of a store change. */
void reconcile_open_change(Reconcile *reconcile);
void reconcile_close_change(Reconcile *reconcile);

/* Start the next operations of a pass. Return 0, an Error or a negative errno. */
int reconcile_vault(Reconcile *reconcile);
int reconcile_links(Reconcile *reconcile);
/* After both passes, with max_remove: removes the next batch of links whose passkeys are gone. */
int reconcile_remove_gone(Reconcile *reconcile);
