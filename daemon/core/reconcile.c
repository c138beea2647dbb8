/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/clock.h"
#include "daemon/core/reconcile-internal.h"
#include "daemon/store/store.h"
#include "dbus/error.h"

static void reconcile_destroy(Call *call)
{
        Reconcile *reconcile = (Reconcile *) call;

        vault_iterator_free(reconcile->iterator);
        vault_probe_cancel(reconcile->probe);
        link_list_clear(&reconcile->suspects);
        link_list_clear(&reconcile->gone);
        id_set_free(reconcile->seen);
        free(reconcile->cursor);
}

static bool says_something_of_the_api(int r)
{
        return r == 0 || r == ERROR_API_DENIED || r == ERROR_UNREACHABLE ||
               r == ERROR_MALFORMED_REPLY;
}

static void reconcile_end(Reconcile *reconcile)
{
        Call *call = &reconcile->call;
        int r = reconcile->failure;

        call->tenancy->reconcile = NULL;
        if (reconcile->cancelled) {
                call_free(call);
                return;
        }
        if (says_something_of_the_api(r))
                tenancy_note_api_result(call->api, r, call->tenancy);
        call_end(call, &(Result){
                               .r = r,
                               .retry_after_s = reconcile->retry_after_s,
                               .counts = r == 0 ? &reconcile->counts : NULL,
                       });
}

void reconcile_fail(Reconcile *reconcile, int r, uint32_t retry_after_s)
{
        if (reconcile->failure)
                return;
        reconcile->failure = r;
        reconcile->retry_after_s = retry_after_s;
}

static void reconcile_continue(Reconcile *reconcile);

void reconcile_close(Reconcile *reconcile)
{
        if (--reconcile->n_open == 0)
                reconcile_continue(reconcile);
}

void reconcile_open_change(Reconcile *reconcile)
{
        reconcile->n_open++;
        tenancy_begin_change(reconcile->call.tenancy);
}

void reconcile_close_change(Reconcile *reconcile)
{
        Tenancy *tenancy = reconcile->call.tenancy;

        reconcile_close(reconcile);
        tenancy_end_change(tenancy);
}

/* Starts the next operations; *ret_finished is true if none is left. */
static int reconcile_next(Reconcile *reconcile, bool *ret_finished)
{
        *ret_finished = false;
        if (tenancy_aborts_calls(reconcile->call.tenancy))
                return ERROR_NOT_CONFIGURED;
        if (!vault_iterator_is_done(reconcile->iterator))
                return reconcile_vault(reconcile);
        if (!reconcile->links_done || reconcile->suspects.n_links > 0)
                return reconcile_links(reconcile);
        if (reconcile->gone.n_links > 0)
                return reconcile_remove_gone(reconcile);
        *ret_finished = true;
        return 0;
}

static void reconcile_continue(Reconcile *reconcile)
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

/* Waits for the store change in flight. */
static void reconcile_cancel(Call *call)
{
        Reconcile *reconcile = (Reconcile *) call;

        reconcile->cancelled = true;
        if (vault_iterator_is_asking(reconcile->iterator))
                reconcile->n_open--;
        if (reconcile->probe)
                reconcile->n_open--;
        reconcile->iterator = vault_iterator_free(reconcile->iterator);
        reconcile->probe = vault_probe_cancel(reconcile->probe);
        if (reconcile->n_open == 0)
                reconcile_end(reconcile);
}

static int reconcile_begin(Reconcile *reconcile)
{
        Tenancy *tenancy = reconcile->call.tenancy;
        int r;

        reconcile->begun_at_ms = realtime_ms();
        r = id_set_new(&reconcile->seen);
        if (r == 0)
                r = vault_iterator_new(reconcile->call.api, &reconcile->iterator);
        if (r == 0)
                r = store_count(tenancy->store, tenancy->id, &reconcile->n_links);
        return r != 0 ? r : reconcile_vault(reconcile);
}

int reconcile_start(Tenancy *tenancy, const ReconcileOptions *options, const AuditOrigin *origin,
                    ResultFunc func, ReconcileProgressFunc progress, void *userdata, Call **ret)
{
        Reconcile *reconcile;
        int r;

        if (tenancy->reconcile)
                return ERROR_LIMITS_EXCEEDED;
        r = call_new(sizeof(Reconcile), tenancy, func, userdata, &reconcile);
        if (r != 0)
                return r;
        reconcile->call.destroy = reconcile_destroy;
        reconcile->call.cancel = reconcile_cancel;
        reconcile->options = *options;
        reconcile->origin = *origin;
        reconcile->progress = progress;
        r = reconcile_begin(reconcile);
        if (r == 0)
                tenancy->reconcile = reconcile;
        return call_started(&reconcile->call, r, ret);
}
