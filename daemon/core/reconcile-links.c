/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Second pass: the links. What the vault does not know goes. */

#include "base/clock.h"
#include "daemon/core/reconcile-internal.h"
#include "daemon/core/tenancy-internal.h"
#include "daemon/store/store.h"
#include "dbus/error.h"

/* Links that are looked through before others have their turn. */
#define LINKS_PAGE 200U
/* Questions after single passkeys that are open at the same time. */
#define PROBES_MAX 16U

static void on_removed(int r, const LinkList *removed, void *userdata)
{
        Reconcile *reconcile = userdata;

        if (r == 0) {
                reconcile->result.removed++;
                tenancy_tell_link_removed(reconcile->tenancy, removed->links[0], &reconcile->cause);
        } else if (r != ERROR_NOT_FOUND) {
                reconcile_fail(reconcile, r, 0);
        }
        reconcile_close(reconcile);
}

static int remove_link(Reconcile *reconcile, const Link *link)
{
        int r;

        if (reconcile->dry_run) {
                reconcile->result.removed++;
                return 0;
        }
        r = store_remove(reconcile->tenancy->store, reconcile->tenancy->tenancy_id,
                         link->authenticator_id, on_removed, reconcile, NULL);
        if (r == 0)
                reconcile->n_open++;
        return r;
}

static void on_probed(int r, uint32_t retry_after_s, const Passkey *passkey _unused_,
                      void *userdata)
{
        _cleanup_(reconcile_step_freep) ReconcileStep *step = userdata;
        Reconcile *reconcile = step->reconcile;

        tenancy_note_api_result(reconcile->tenancy, reconcile->generation, r);
        if (r == ERROR_NOT_FOUND)
                r = reconcile->cancelled ? 0 : remove_link(reconcile, step->link);
        if (r != 0)
                reconcile_fail(reconcile, r, retry_after_s);
        reconcile_close(reconcile);
}

static int probe(Reconcile *reconcile, Link *link)
{
        _cleanup_(reconcile_step_freep) ReconcileStep *step = NULL;
        ApiCall *call;
        int r;

        r = reconcile_step_new(reconcile, link, &step);
        if (r == 0)
                r = api_get_passkey(reconcile->tenancy->api, step->link->authenticator_id,
                                    on_probed, step, &call);
        if (r == ERROR_NOT_FOUND) /* of an id that cannot be one */
                return remove_link(reconcile, step->link);
        if (r != 0)
                return r;
        TAKE_PTR(step);
        reconcile->n_open++;
        return 0;
}

/* A few at a time: each of them goes on with the next when the batch has ended. */
static int probe_suspects(Reconcile *reconcile)
{
        LinkList *suspects = &reconcile->suspects;
        int r = 0;

        for (size_t n = 0; r == 0 && n < PROBES_MAX && suspects->n_links > 0; n++)
                r = probe(reconcile, suspects->links[--suspects->n_links]);
        return r;
}

static void on_turn(int r, void *userdata)
{
        Reconcile *reconcile = userdata;

        if (r != 0)
                reconcile_fail(reconcile, r, 0);
        reconcile_close(reconcile);
}

/* Others have their turn before the next page. */
static int yield_turn(Reconcile *reconcile)
{
        int r;

        r = store_barrier(reconcile->tenancy->store, on_turn, reconcile, NULL);
        if (r == 0)
                reconcile->n_open++;
        return r;
}

/* Made since the vault was asked. A time to come is what an import may have said, and hides none.
 */
static bool is_new(const Reconcile *reconcile, const Link *link, uint64_t now_ms)
{
        return link->created_at_ms >= reconcile->begun_at_ms && link->created_at_ms <= now_ms;
}

/* What the vault cannot have listed, or did list, is no suspect. */
static int sift_links(Reconcile *reconcile, LinkList *page)
{
        uint64_t now_ms = realtime_ms();
        int r = 0;

        for (size_t i = 0; r == 0 && i < page->n_links; i++) {
                Link *link = page->links[i];

                if (is_new(reconcile, link, now_ms) ||
                    id_set_has(reconcile->seen, link->authenticator_id))
                        continue;
                page->links[i] = NULL;
                r = link_list_push(&reconcile->suspects, link);
        }
        return r;
}

static int look_through_links(Reconcile *reconcile)
{
        _cleanup_(link_list_clear) LinkList page = {};
        char *next_cursor = NULL;
        int r;

        r = store_list(reconcile->tenancy->store, reconcile->tenancy->tenancy_id, reconcile->cursor,
                       LINKS_PAGE, &page, &next_cursor);
        if (r != 0)
                return r;
        free(reconcile->cursor);
        reconcile->cursor = next_cursor;
        reconcile->links_done = !next_cursor;
        r = sift_links(reconcile, &page);
        if (r == 0)
                r = yield_turn(reconcile);
        return r;
}

int reconcile_links(Reconcile *reconcile)
{
        return reconcile->suspects.n_links > 0 ? probe_suspects(reconcile)
                                               : look_through_links(reconcile);
}
