/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Second pass: pages through the links, and removes links whose passkey the vault does not have. */

#include "base/clock.h"
#include "daemon/core/reconcile-internal.h"
#include "daemon/store/store.h"
#include "dbus/error.h"

/* Links per page; the event loop runs between pages. */
#define LINKS_PAGE 200U

static void on_removed(int r, const LinkList *removed, void *userdata)
{
        Reconcile *reconcile = userdata;

        reconcile->counts.removed += removed->n_links;
        tenancy_notify_links_removed(reconcile->call.tenancy, removed, &reconcile->origin);
        if (r != 0)
                reconcile_fail(reconcile, r, 0);
        reconcile_close_change(reconcile);
}

static int remove_links(Reconcile *reconcile, const LinkList *links)
{
        int r;

        if (links->n_links == 0)
                return 0;
        r = store_remove_unchanged(reconcile->call.tenancy->store, reconcile->call.tenancy->id,
                                   links, 0, on_removed, reconcile, NULL);
        if (r == 0)
                reconcile_open_change(reconcile);
        return r;
}

int reconcile_remove_gone(Reconcile *reconcile)
{
        LinkList *gone = &reconcile->gone;
        size_t n = gone->n_links < LINKS_PAGE ? gone->n_links : LINKS_PAGE;
        const LinkList last = {.links = gone->links + gone->n_links - n, .n_links = n};
        int r;

        r = remove_links(reconcile, &last);
        link_list_truncate(gone, gone->n_links - n);
        return r;
}

/* Keeps the links until the end, so that exceeding max_remove removes none. */
static int keep_links(Reconcile *reconcile, LinkList *links)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < links->n_links; i++)
                r = link_list_push(&reconcile->gone, TAKE_PTR(links->links[i]));
        if (r == 0 && reconcile->gone.n_links > reconcile->options.max_remove)
                return ERROR_LIMITS_EXCEEDED;
        return r;
}

static int handle_gone(Reconcile *reconcile, LinkList *gone)
{
        if (reconcile->options.dry_run) {
                reconcile->counts.removed += gone->n_links;
                return 0;
        }
        return reconcile->options.max_remove == RECONCILE_UNBOUNDED ? remove_links(reconcile, gone)
                                                                    : keep_links(reconcile, gone);
}

/* Keep the link of a passkey whose lookup failed. */
static void on_probed(int r, uint32_t retry_after_s, LinkList *gone, LinkList *there _unused_,
                      LinkList *unknown _unused_, void *userdata)
{
        Reconcile *reconcile = userdata;
        int removal;

        reconcile->probe = NULL;
        removal = handle_gone(reconcile, gone);
        if (r == 0)
                r = removal;
        if (r != 0)
                reconcile_fail(reconcile, r, retry_after_s);
        reconcile_close(reconcile);
}

static int probe_suspects(Reconcile *reconcile)
{
        int r;

        r = vault_probe_start(reconcile->call.tenancy->event, reconcile->call.api,
                              &reconcile->suspects, on_probed, reconcile, &reconcile->probe);
        if (r == 0)
                reconcile->n_open++;
        return r;
}

static void on_turn(int r, void *userdata)
{
        Reconcile *reconcile = userdata;

        if (r != 0)
                reconcile_fail(reconcile, r, 0);
        reconcile_close_change(reconcile);
}

/* Let the event loop run before the next page. */
static int yield_turn(Reconcile *reconcile)
{
        int r;

        r = store_barrier(reconcile->call.tenancy->store, on_turn, reconcile, NULL);
        if (r == 0)
                reconcile_open_change(reconcile);
        return r;
}

/* Whether the link was made after the reconciliation began. An imported link may have a time in the
 * future, which does not count. */
static bool is_new(const Reconcile *reconcile, const Link *link, uint64_t now_ms)
{
        return link->created_at_ms >= reconcile->begun_at_ms && link->created_at_ms <= now_ms;
}

/* A link is a suspect unless the vault has listed its passkey, or it is too new to have been
 * listed. */
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

        r = store_list(reconcile->call.tenancy->store, reconcile->call.tenancy->id,
                       reconcile->cursor, LINKS_PAGE, SIZE_MAX, &page, &next_cursor);
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
