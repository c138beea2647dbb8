/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* First pass: the vault. What is not linked here is linked. */

#include <errno.h>

#include "base/clock.h"
#include "daemon/core/reconcile-internal.h"
#include "daemon/core/tenancy-internal.h"
#include "daemon/store/store.h"
#include "dbus/error.h"

static void on_added(int r, bool newly_linked, void *userdata)
{
        _cleanup_(reconcile_step_freep) ReconcileStep *step = userdata;
        Reconcile *reconcile = step->reconcile;

        if (r == ERROR_LINK_CONFLICT || r == ERROR_LIMITS_EXCEEDED)
                reconcile->result.conflicts++;
        else if (r != 0)
                reconcile_fail(reconcile, r, 0);
        if (newly_linked) {
                reconcile->result.added++;
                tenancy_tell_link_added(reconcile->tenancy, step->link, &reconcile->cause);
        }
        reconcile_close(reconcile);
}

static int add_link(Reconcile *reconcile, const Passkey *passkey)
{
        _cleanup_(reconcile_step_freep) ReconcileStep *step = NULL;
        Link *link;
        int r;

        if (reconcile->dry_run) {
                reconcile->result.added++;
                return 0;
        }
        r = link_new(passkey->id, passkey->user_id, passkey->platform_name, realtime_ms(),
                     passkey->last_used_at_ms, &link);
        if (r == 0)
                r = reconcile_step_new(reconcile, link, &step);
        if (r == 0)
                r = store_add(reconcile->tenancy->store, reconcile->tenancy->tenancy_id, step->link,
                              on_added, step, NULL);
        if (r != 0)
                return r;
        TAKE_PTR(step);
        reconcile->n_open++;
        return 0;
}

static int check_passkey(Reconcile *reconcile, const Passkey *passkey)
{
        _cleanup_(link_freep) Link *link = NULL;
        int r;

        reconcile->result.checked++;
        if (passkey->created_at_ms < reconcile->since_ms || !passkey->user_id)
                return 0;
        r = reconcile->recovering ? 0 : id_set_add(reconcile->seen, passkey->id);
        if (r < 0)
                return r;
        r = store_get_link(reconcile->tenancy->store, reconcile->tenancy->tenancy_id, passkey->id,
                           &link);
        if (r == ERROR_NOT_FOUND)
                return add_link(reconcile, passkey);
        if (r == 0 && !streq(link->user_id, passkey->user_id))
                reconcile->result.conflicts++;
        return r;
}

/* Rows that cannot be read are in the vault nevertheless: their links are not to be removed. */
static int note_unreadable(Reconcile *reconcile, const PasskeyList *passkeys)
{
        int r = 0;

        if (passkeys->n_unreadable == 0)
                return 0;
        audit(EVENT_ROWS_UNREADABLE, .cause = &reconcile->cause,
              .tenancy = tenancy_label(reconcile->tenancy),
              .counts = {{FIELD_COUNT, passkeys->n_unreadable}});
        for (char **id = passkeys->unreadable_ids; r == 0 && id && *id; id++)
                r = id_set_add(reconcile->seen, *id);
        return r;
}

/* A vault whose pages go round in a circle would never end. */
static int next_page(Reconcile *reconcile, const char *next_cursor)
{
        if (isempty(next_cursor)) {
                reconcile->vault_done = true;
                reconcile->cursor = (free(reconcile->cursor), NULL);
                return 0;
        }
        if (id_set_has(reconcile->cursors, next_cursor))
                return ERROR_MALFORMED_REPLY;
        if (id_set_add(reconcile->cursors, next_cursor) < 0)
                return -ENOMEM;
        free(reconcile->cursor);
        reconcile->cursor = strdup(next_cursor);
        return reconcile->cursor ? 0 : -ENOMEM;
}

static void on_page(int r, uint32_t retry_after_s, const PasskeyList *passkeys,
                    const char *next_cursor, void *userdata)
{
        Reconcile *reconcile = userdata;

        reconcile->page = NULL;
        tenancy_note_api_result(reconcile->tenancy, reconcile->generation, r);
        for (size_t i = 0; r == 0 && i < passkeys->n_passkeys; i++)
                r = check_passkey(reconcile, passkeys->passkeys[i]);
        if (r == 0)
                r = note_unreadable(reconcile, passkeys);
        if (r == 0)
                r = next_page(reconcile, next_cursor);
        if (r != 0)
                reconcile_fail(reconcile, r, retry_after_s);
        else if (reconcile->progress)
                reconcile->progress(reconcile->result.checked, reconcile->n_links,
                                    reconcile->userdata);
        reconcile_close(reconcile);
}

int reconcile_vault(Reconcile *reconcile)
{
        int r;

        r = api_list_passkeys(reconcile->tenancy->api, reconcile->cursor, on_page, reconcile,
                              &reconcile->page);
        if (r == 0)
                reconcile->n_open++;
        return r;
}
