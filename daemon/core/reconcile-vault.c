/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* First pass: pages through the vault, and links passkeys that are not linked. */

#include <errno.h>

#include "base/clock.h"
#include "daemon/core/reconcile-internal.h"
#include "daemon/store/store.h"
#include "dbus/error.h"

static void on_added(int r, const LinkList *links, const LinkOutcome *outcomes, void *userdata)
{
        Reconcile *reconcile = userdata;

        if (r != 0)
                reconcile_fail(reconcile, r, 0);
        for (size_t i = 0; r == 0 && i < links->n_links; i++)
                if (outcomes[i] == LINK_ADDED) {
                        reconcile->counts.added++;
                        tenancy_notify_link_added(reconcile->call.tenancy, links->links[i],
                                                  &reconcile->origin);
                } else if (outcomes[i] != LINK_PRESENT) {
                        reconcile->counts.conflicts++;
                }
        reconcile_close_change(reconcile);
}

/* Adds the links and clears the list. */
static int add_links(Reconcile *reconcile, LinkList *links)
{
        int r = 0;

        if (reconcile->options.dry_run)
                reconcile->counts.added += links->n_links;
        else if (links->n_links > 0)
                r = store_import(reconcile->call.tenancy->store, reconcile->call.tenancy->id, links,
                                 false, on_added, reconcile, NULL);
        if (r == 0 && !reconcile->options.dry_run && links->n_links > 0)
                reconcile_open_change(reconcile);
        link_list_clear(links);
        return r;
}

static int push_link(LinkList *links, const Passkey *passkey)
{
        Link *link;
        int r;

        r = link_new(passkey->id, passkey->user_id, passkey->platform_name, realtime_ms(),
                     passkey->last_used_at_ms, &link);
        return r < 0 ? r : link_list_push(links, link);
}

/* Appends a link to `missing` if the passkey is not linked. */
static int check_passkey(Reconcile *reconcile, const Passkey *passkey, LinkList *missing)
{
        _cleanup_(link_freep) Link *link = NULL;
        int r;

        reconcile->counts.checked++;
        if (!passkey->user_id)
                return 0;
        r = id_set_add(reconcile->seen, passkey->id);
        if (r < 0)
                return r;
        r = store_get_link(reconcile->call.tenancy->store, reconcile->call.tenancy->id, passkey->id,
                           &link);
        if (r == ERROR_NOT_FOUND)
                return push_link(missing, passkey);
        if (r == 0 && !streq(link->user_id, passkey->user_id))
                reconcile->counts.conflicts++;
        return r;
}

/* Unreadable rows are in the vault too, so keep their links. */
static int note_unreadable(Reconcile *reconcile, const PasskeyList *passkeys)
{
        int r = 0;

        tenancy_note_unreadable_rows(reconcile->call.tenancy, passkeys->n_unreadable,
                                     &reconcile->origin);
        for (char **id = passkeys->unreadable_ids; r == 0 && id && *id; id++)
                r = id_set_add(reconcile->seen, *id);
        return r;
}

static int check_page(Reconcile *reconcile, const PasskeyList *passkeys)
{
        _cleanup_(link_list_clear) LinkList missing = {};
        int r = 0;

        for (size_t i = 0; r == 0 && i < passkeys->n_passkeys; i++) {
                r = check_passkey(reconcile, passkeys->passkeys[i], &missing);
                if (r == 0 && missing.n_links >= STORE_IMPORT_MAX)
                        r = add_links(reconcile, &missing);
        }
        return r != 0 ? r : add_links(reconcile, &missing);
}

static void on_page(const Result *result, void *userdata)
{
        Reconcile *reconcile = userdata;
        int r = result->r;

        if (r == 0)
                r = note_unreadable(reconcile, result->passkeys);
        if (r == 0)
                r = check_page(reconcile, result->passkeys);
        if (r != 0)
                reconcile_fail(reconcile, r, result->retry_after_s);
        else if (reconcile->progress)
                reconcile->progress(reconcile->counts.checked, reconcile->n_links,
                                    reconcile->call.userdata);
        reconcile_close(reconcile);
}

int reconcile_vault(Reconcile *reconcile)
{
        int r;

        r = vault_iterator_next(reconcile->iterator, on_page, reconcile);
        if (r == 0)
                reconcile->n_open++;
        return r;
}
