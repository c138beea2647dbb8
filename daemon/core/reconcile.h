/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/core/call.h"

/*
 * Compares the links with the vault, in two passes.
 *
 * 1. Pages through the vault. What is not linked here is linked; what is linked to another user is
 * a conflict, and left alone.
 * 2. Pages through the links. One that is older than the beginning, and that the vault did not
 * list, is asked for by its id, since a vault may change while it is paged through; if the vault
 * does not know it, it goes.
 *
 * With max_remove, links are removed only after both passes, so that a vault that lost more
 * passkeys is noticed before the first removal.
 *
 * Its calls to the API are background calls, and between pages others have their turn. One at a
 * time is under way on a tenancy.
 */
#define RECONCILE_UNBOUNDED UINT64_MAX

typedef struct ReconcileOptions {
        bool dry_run;
        uint64_t max_remove; /* limit of removed links, or RECONCILE_UNBOUNDED */
} ReconcileOptions;

/* `n_links` is how many links there were at the beginning. */
typedef void (*ReconcileProgressFunc)(uint64_t checked, uint64_t n_links, void *userdata);

/*
 * Starts as in call.h; also NOT_CONFIGURED, STORE_FAILED, and LIMITS_EXCEEDED if a reconciliation
 * of the tenancy is under way. Result: counts, or LIMITS_EXCEEDED before the first removal if more
 * than max_remove links would be removed. A dry run changes nothing and ignores max_remove. The
 * origin is copied, for the record. `progress` may be NULL; it runs with the same userdata, and not
 * after a cancel. A cancel keeps the changes made by then.
 */
int reconcile_start(Tenancy *tenancy, const ReconcileOptions *options, const AuditOrigin *origin,
                    ResultFunc func, ReconcileProgressFunc progress, void *userdata, Call **ret);
