/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the two passes share. */

#include "daemon/core/id-set.h"
#include "daemon/core/reconcile.h"
#include "daemon/core/tenancy-internal.h"
#include "daemon/core/vault-iterator.h"
#include "daemon/core/vault-probe.h"

/*
 * It goes on whenever the last thing that it waits for has ended: a page of the vault and the
 * change that comes of it, or a page of the links and the passkeys that are asked for because of
 * it. Called off, it waits for the change that is on its way to the disk, and then ends.
 */
struct Reconcile {
        Call call;
        bool dry_run;
        AuditOrigin origin;
        ReconcileProgressFunc progress;

        uint64_t begun_at_ms;
        uint64_t n_links;
        VaultIterator *iterator;
        IdSet *seen;  /* what the vault listed */
        char *cursor; /* of the links; NULL at the beginning */
        bool links_done;
        LinkList suspects; /* links that the vault did not list */
        VaultProbe *probe;

        size_t n_open; /* what it waits for */
        bool cancelled;
        int failure;
        uint32_t retry_after_s;
        ReconcileCounts counts;
};

/* It is over, for this reason, once nothing is waited for any more. The first reason counts. */
void reconcile_fail(Reconcile *reconcile, int r, uint32_t retry_after_s);
/* One thing less to wait for. It may be gone afterwards. */
void reconcile_close(Reconcile *reconcile);
/* A change is on its way to the store, and has been reported. */
void reconcile_open_change(Reconcile *reconcile);
void reconcile_close_change(Reconcile *reconcile);

/* The next part of each pass: start what there is to wait for. Return 0, an Error or a negative
 * errno. */
int reconcile_vault(Reconcile *reconcile);
int reconcile_links(Reconcile *reconcile);
