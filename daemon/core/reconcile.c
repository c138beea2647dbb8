/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/clock.h"
#include "daemon/core/reconcile-internal.h"
#include "daemon/store/store.h"
#include "dbus/error.h"

static Reconcile *reconcile_free(Reconcile *reconcile)
{
        vault_walk_free(reconcile->walk);
        vault_probe_cancel(reconcile->probe);
        link_list_clear(&reconcile->suspects);
        id_set_free(reconcile->seen);
        free(reconcile->cursor);
        api_unref(reconcile->api);
        tenancy_unref(reconcile->tenancy);
        free(reconcile);
        return NULL;
}
DEFINE_CLEANUP(Reconcile *, reconcile_free);

static bool says_something_of_the_api(int r)
{
        return r == 0 || r == ERROR_API_DENIED || r == ERROR_UNREACHABLE ||
               r == ERROR_MALFORMED_REPLY;
}

static void reconcile_end(Reconcile *reconcile)
{
        _cleanup_(reconcile_freep) Reconcile *owned = reconcile;
        int r = owned->failure;

        owned->tenancy->reconcile = NULL;
        if (owned->cancelled)
                return;
        if (says_something_of_the_api(r))
                tenancy_note_api_result(owned->tenancy, owned->api, r);
        owned->func(r, owned->retry_after_s, r == 0 ? &owned->result : NULL, owned->userdata);
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

void reconcile_open_change(Reconcile *reconcile)
{
        reconcile->n_open++;
        tenancy_begin_change(reconcile->tenancy);
}

void reconcile_close_change(Reconcile *reconcile)
{
        Tenancy *tenancy = reconcile->tenancy;

        reconcile_close(reconcile);
        tenancy_end_change(tenancy);
}

/* Starts what comes next. Nothing is left to do if it starts nothing. */
static int reconcile_next(Reconcile *reconcile, bool *ret_finished)
{
        *ret_finished = false;
        /* A key that has been taken away is not used any more. */
        if (reconcile->api != reconcile->tenancy->api && !tenancy_is_usable(reconcile->tenancy))
                return ERROR_NOT_CONFIGURED;
        if (!vault_walk_is_done(reconcile->walk))
                return reconcile_vault(reconcile);
        if (!reconcile->links_done || reconcile->suspects.n_links > 0)
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

static int reconcile_new(Tenancy *tenancy, Reconcile **ret)
{
        _cleanup_(reconcile_freep) Reconcile *reconcile = NULL;
        int r;

        if (!tenancy_is_usable(tenancy))
                return ERROR_NOT_CONFIGURED;
        if (tenancy->reconcile)
                return ERROR_LIMITS_EXCEEDED;
        reconcile = calloc(1, sizeof(Reconcile));
        if (!reconcile)
                return -ENOMEM;
        reconcile->tenancy = tenancy_ref(tenancy);
        reconcile->api = api_ref(tenancy->api);
        reconcile->begun_at_ms = realtime_ms();
        r = id_set_new(&reconcile->seen);
        if (r == 0)
                r = vault_walk_new(reconcile->api, &reconcile->walk);
        if (r == 0)
                r = store_count(tenancy->store, tenancy->id, &reconcile->n_links);
        if (r != 0)
                return r;

        *ret = TAKE_PTR(reconcile);
        return 0;
}

int reconcile_start(Tenancy *tenancy, bool dry_run, const AuditOrigin *origin, ReconcileFunc func,
                    ReconcileProgressFunc progress, void *userdata, Reconcile **ret)
{
        _cleanup_(reconcile_freep) Reconcile *reconcile = NULL;
        int r;

        r = reconcile_new(tenancy, &reconcile);
        if (r != 0)
                return r;
        reconcile->dry_run = dry_run;
        reconcile->origin = *origin;
        reconcile->func = func;
        reconcile->progress = progress;
        reconcile->userdata = userdata;
        r = reconcile_vault(reconcile);
        if (r != 0)
                return r;
        *ret = tenancy->reconcile = TAKE_PTR(reconcile);
        return 0;
}

Reconcile *reconcile_cancel(Reconcile *reconcile)
{
        if (!reconcile)
                return NULL;
        reconcile->cancelled = true;
        /* A page or a probe is what it waits for alone. */
        if (vault_walk_is_asking(reconcile->walk))
                reconcile->n_open--;
        if (reconcile->probe)
                reconcile->n_open--;
        reconcile->walk = vault_walk_free(reconcile->walk);
        reconcile->probe = vault_probe_cancel(reconcile->probe);
        if (reconcile->n_open == 0)
                reconcile_end(reconcile);
        return NULL;
}
