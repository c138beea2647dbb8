/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/core/call.h"

/*
 * Compares the links with the vault, in two passes.
 *
 * 1. Pages through the vault. A passkey that is not linked is linked. A passkey that is linked to
 * another user is a conflict, and left alone.
 * 2. Pages through the links. A vault may change while it is paged through, so a link that the
 * vault did not list is looked up by its id, unless it is newer than the reconciliation. If the
 * vault does not have the passkey, the link is removed.
 *
 * With max_remove, links are removed only after both passes, so that a vault that has lost more
 * passkeys is detected before the first removal.
 *
 * API calls are background calls, and the event loop runs between pages. A tenancy has at most one
 * reconciliation at a time.
 */
#define RECONCILE_UNBOUNDED UINT64_MAX

typedef struct ReconcileOptions {
        bool dry_run;
        uint64_t max_remove; /* limit of removed links, or RECONCILE_UNBOUNDED */
} ReconcileOptions;

/* `n_links` is the number of links at the start. */
typedef void (*ReconcileProgressFunc)(uint64_t checked, uint64_t n_links, void *userdata);

/*
 * Returns as described in call.h, and also NOT_CONFIGURED, STORE_FAILED, and LIMITS_EXCEEDED if a
 * reconciliation of the tenancy is in progress. Result: counts, or LIMITS_EXCEEDED before the first
 * removal if more than max_remove links would be removed. A dry run changes nothing and ignores
 * max_remove. The origin is copied, for the audit records. `progress` may be NULL; it gets the same
 * userdata, and does not run after a cancel. A cancel does not undo changes.
 */
int reconcile_start(Tenancy *tenancy, const ReconcileOptions *options, const AuditOrigin *origin,
                    ResultFunc func, ReconcileProgressFunc progress, void *userdata, Call **ret);
