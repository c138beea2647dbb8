/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the two passes share. */

#include "daemon/api/api.h"
#include "daemon/core/id-set.h"
#include "daemon/core/reconcile.h"

/*
 * It goes on whenever the last thing that it waits for has ended: a page of the vault and the links
 * that came of it, or a page of the links and the passkeys that were asked for because of it.
 * Called off, it waits for what cannot be called off and then goes.
 */
struct Reconcile {
        Tenancy *tenancy;
        unsigned generation;
        bool dry_run;
        Cause cause;
        bool recovering;
        uint64_t since_ms; /* passkeys older than this are of no interest */
        ReconcileFunc func;
        ReconcileProgressFunc progress;
        void *userdata;

        uint64_t begun_at_ms;
        uint64_t n_links;
        char *cursor; /* of the vault, then of the links; NULL at the beginning of each */
        bool vault_done;
        bool links_done;
        IdSet *seen;       /* what the vault listed */
        IdSet *cursors;    /* that the vault has given */
        LinkList suspects; /* links that it did not */

        ApiCall *page;
        size_t n_open;
        bool cancelled;
        int failure;
        uint32_t retry_after_s;
        ReconcileResult result;
};

/* A thing that is waited for: a link that is added or removed, or a passkey that is asked for. */
typedef struct ReconcileStep {
        Reconcile *reconcile;
        Link *link;
} ReconcileStep;

/* Takes the link over, also when it fails. Returns 0 or -ENOMEM. */
int reconcile_step_new(Reconcile *reconcile, Link *link, ReconcileStep **ret);
ReconcileStep *reconcile_step_free(ReconcileStep *step);
DEFINE_CLEANUP(ReconcileStep *, reconcile_step_free);

/* It is over, for this reason, once nothing is waited for any more. The first reason counts. */
void reconcile_fail(Reconcile *reconcile, int r, uint32_t retry_after_s);
/* One thing less to wait for. It may be gone afterwards. */
void reconcile_close(Reconcile *reconcile);

/* The next part of each pass: start what there is to wait for, or find that there is none. Return
 * 0, an Error or a negative errno. */
int reconcile_vault(Reconcile *reconcile);
int reconcile_links(Reconcile *reconcile);
