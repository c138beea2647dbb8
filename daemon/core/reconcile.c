/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/clock.h"
#include "daemon/core/reconcile-internal.h"
#include "daemon/core/tenancy-internal.h"
#include "daemon/store/store.h"
#include "dbus/error.h"

ReconcileStep *reconcile_step_free(ReconcileStep *step)
{
        link_free(step->link);
        free(step);
        return NULL;
}

static Reconcile *reconcile_free(Reconcile *reconcile)
{
        api_call_cancel(reconcile->page);
        link_list_clear(&reconcile->suspects);
        id_set_free(reconcile->seen);
        id_set_free(reconcile->cursors);
        free(reconcile->cursor);
        tenancy_unref(reconcile->tenancy);
        free(reconcile);
        return NULL;
}
DEFINE_CLEANUP(Reconcile *, reconcile_free);

static void reconcile_end(Reconcile *reconcile)
{
        _cleanup_(reconcile_freep) Reconcile *owned = reconcile;
        int r = owned->failure;

        owned->tenancy->reconcile = NULL;
        if (!owned->cancelled)
                owned->func(r, owned->retry_after_s, r == 0 ? &owned->result : NULL,
                            owned->userdata);
}

void reconcile_fail(Reconcile *reconcile, int r, uint32_t retry_after_s)
{
        if (reconcile->failure)
                return;
        reconcile->failure = r;
        reconcile->retry_after_s = retry_after_s;
}

static void reconcile_go_on(Reconcile *reconcile);

void reconcile_close(Reconcile *reconcile)
{
        if (--reconcile->n_open == 0)
                reconcile_go_on(reconcile);
}

int reconcile_step_new(Reconcile *reconcile, Link *link, ReconcileStep **ret)
{
        _cleanup_(link_freep) Link *owned = link;
        ReconcileStep *step = malloc(sizeof(ReconcileStep));

        if (!step)
                return -ENOMEM;
        *step = (ReconcileStep){.reconcile = reconcile, .link = TAKE_PTR(owned)};
        *ret = step;
        return 0;
}

/* Starts what comes next. Nothing is left to do if it starts nothing. */
static int reconcile_next(Reconcile *reconcile, bool *ret_finished)
{
        *ret_finished = false;
        if (!reconcile->vault_done)
                return reconcile_vault(reconcile);
        if (!reconcile->recovering && (!reconcile->links_done || reconcile->suspects.n_links > 0))
                return reconcile_links(reconcile);
        *ret_finished = true;
        return 0;
}

static void reconcile_go_on(Reconcile *reconcile)
{
        bool finished = reconcile->cancelled || reconcile->failure;

        while (!finished && reconcile->n_open == 0) {
                int r = reconcile_next(reconcile, &finished);

                if (r != 0) {
                        reconcile_fail(reconcile, r, 0);
                        finished = true;
                }
        }
        if (reconcile->n_open == 0)
                reconcile_end(reconcile);
}

static int reconcile_new(Tenancy *tenancy, ReconcileFunc func, void *userdata, Reconcile **ret)
{
        _cleanup_(reconcile_freep) Reconcile *reconcile = NULL;
        int r;

        if (!tenancy->key)
                return ERROR_NOT_CONFIGURED;
        if (tenancy->reconcile)
                return ERROR_LIMITS_EXCEEDED;
        reconcile = calloc(1, sizeof(Reconcile));
        if (!reconcile)
                return -ENOMEM;
        reconcile->tenancy = tenancy_ref(tenancy);
        reconcile->generation = tenancy->generation;
        reconcile->func = func;
        reconcile->userdata = userdata;
        reconcile->begun_at_ms = realtime_ms();
        r = id_set_new(&reconcile->seen);
        if (r == 0)
                r = id_set_new(&reconcile->cursors);
        if (r == 0)
                r = store_count(tenancy->store, tenancy->tenancy_id, &reconcile->n_links);
        if (r != 0)
                return r;

        *ret = TAKE_PTR(reconcile);
        return 0;
}

static int reconcile_begin(Reconcile *reconcile, Reconcile **ret)
{
        _cleanup_(reconcile_freep) Reconcile *owned = reconcile;
        int r;

        r = reconcile_vault(owned);
        if (r != 0)
                return r;
        *ret = owned->tenancy->reconcile = owned;
        TAKE_PTR(owned);
        return 0;
}

int reconcile_start(Tenancy *tenancy, bool dry_run, const Cause *cause, ReconcileFunc func,
                    ReconcileProgressFunc progress, void *userdata, Reconcile **ret)
{
        Reconcile *reconcile;
        int r;

        r = reconcile_new(tenancy, func, userdata, &reconcile);
        if (r != 0)
                return r;
        reconcile->dry_run = dry_run;
        reconcile->cause = *cause;
        reconcile->progress = progress;
        return reconcile_begin(reconcile, ret);
}

int reconcile_recover(Tenancy *tenancy, uint64_t since_ms, ReconcileFunc func, void *userdata,
                      Reconcile **ret)
{
        Reconcile *reconcile;
        int r;

        r = reconcile_new(tenancy, func, userdata, &reconcile);
        if (r != 0)
                return r;
        reconcile->recovering = true;
        reconcile->since_ms = since_ms;
        return reconcile_begin(reconcile, ret);
}

Reconcile *reconcile_cancel(Reconcile *reconcile)
{
        if (!reconcile)
                return NULL;
        reconcile->cancelled = true;
        if (reconcile->page) {
                reconcile->page = api_call_cancel(reconcile->page);
                reconcile->n_open--;
        }
        if (reconcile->n_open == 0)
                reconcile_end(reconcile);
        return NULL;
}
