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
 * Its calls to the API are background calls, and between pages others have their turn. One at a
 * time is under way on a tenancy.
 */
/* `n_links` is how many links there were at the beginning. */
typedef void (*ReconcileProgressFunc)(uint64_t checked, uint64_t n_links, void *userdata);

/*
 * Starts as in call.h; also NOT_CONFIGURED, STORE_FAILED, and LIMITS_EXCEEDED if a reconciliation
 * of the tenancy is under way. Result: counts. A dry run changes nothing. The origin is copied, for
 * the record. `progress` may be NULL; it runs with the same userdata, and not after a cancel. A
 * cancel keeps the changes made by then.
 */
int reconcile_start(Tenancy *tenancy, bool dry_run, const AuditOrigin *origin, ResultFunc func,
                    ReconcileProgressFunc progress, void *userdata, Call **ret);
