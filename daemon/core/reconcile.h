/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/core/tenancy.h"

/*
 * Compares the links with the vault, in two passes.
 *
 * 1. Pages through the vault. What is not linked here is linked; what is linked to another user is
 * a conflict, and left alone.
 * 2. Pages through the links. One that is older than the beginning, and that the vault did not
 * list, is asked for by its id, since a vault may change while it is paged through; if the vault
 * does not know it, it goes.
 *
 * Its calls to the API are background calls, and between pages others have their turn. One at a
 * time is under way on a tenancy.
 */
typedef struct ReconcileResult {
        uint64_t checked;   /* passkeys in the vault */
        uint64_t added;     /* there and not linked here */
        uint64_t removed;   /* linked here and not there */
        uint64_t conflicts; /* linked here to another user */
} ReconcileResult;

typedef struct Reconcile Reconcile;

/* The result is lent, and there with r == 0 only. */
typedef void (*ReconcileFunc)(int r, uint32_t retry_after_s, const ReconcileResult *result,
                              void *userdata);
/* `n_links` is how many links there were at the beginning. */
typedef void (*ReconcileProgressFunc)(uint64_t checked, uint64_t n_links, void *userdata);

/* In a dry run nothing is changed. The origin is copied, for the records of what is. `progress` may
 * be NULL. Returns 0, a negative errno, NOT_CONFIGURED, STORE_FAILED, or LIMITS_EXCEEDED if one is
 * under way. The functions run never before this returns nor after reconcile_cancel(). */
int reconcile_start(Tenancy *tenancy, bool dry_run, const AuditOrigin *origin, ReconcileFunc func,
                    ReconcileProgressFunc progress, void *userdata, Reconcile **ret);

/* What was changed by then stays. NULL is fine. Returns NULL. */
Reconcile *reconcile_cancel(Reconcile *reconcile);
