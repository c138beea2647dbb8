/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/api/api.h"
#include "daemon/core/id-set.h"
#include "daemon/core/reconcile.h"
#include "daemon/core/tenancy-internal.h"
#include "daemon/store/store.h"
#include "dbus/error.h"

/* Links that are looked through before others have their turn. */
#define LINKS_PAGE 200U
/* Questions after single passkeys that are open at the same time. */
#define PROBES_MAX 16U

/*
 * It goes on whenever the last thing that it waits for has ended: a page of the vault and the links
 * that came of it, or a page of the links and the passkeys that were asked for because of it.
 * Called off, it waits for what cannot be called off and then goes.
 */
struct Reconcile {
        Tenancy *tenancy;
        bool dry_run;
        bool recovering;
        uint64_t since_ms; /* passkeys older than this are of no interest */
        ReconcileFunc func;
        ReconcileProgressFunc progress;
        void *userdata;

        uint64_t begun_at_ms;
        uint64_t n_links;
        char *cursor; /* of the vault, then of the links; NULL at the beginning of each */
        bool vault_done;
        bool links_done;
        IdSet *seen;       /* what the vault listed */
        LinkList suspects; /* links that it did not */

        ApiCall *page;
        size_t n_open;
        bool cancelled;
        int failure;
        uint32_t retry_after_s;
        ReconcileResult result;
};

/* A thing that is waited for: a link that is added or removed, or a passkey that is asked for. */
typedef struct Step {
        Reconcile *reconcile;
        Link *link;
} Step;

static Step *step_free(Step *step)
{
        link_free(step->link);
        free(step);
        return NULL;
}
DEFINE_CLEANUP(Step *, step_free);

static Reconcile *reconcile_free(Reconcile *reconcile)
{
        api_call_cancel(reconcile->page);
        link_list_clear(&reconcile->suspects);
        id_set_free(reconcile->seen);
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

static void reconcile_fail(Reconcile *reconcile, int r, uint32_t retry_after_s)
{
        if (reconcile->failure)
                return;
        reconcile->failure = r;
        reconcile->retry_after_s = retry_after_s;
}

static void reconcile_go_on(Reconcile *reconcile);

/* One thing less to wait for. */
static void reconcile_close(Reconcile *reconcile)
{
        if (--reconcile->n_open == 0)
                reconcile_go_on(reconcile);
}

/* Takes the link over. */
static int step_new(Reconcile *reconcile, Link *link, Step **ret)
{
        _cleanup_(link_freep) Link *owned = link;
        Step *step = malloc(sizeof(Step));

        if (!step)
                return -ENOMEM;
        *step = (Step){.reconcile = reconcile, .link = TAKE_PTR(owned)};
        *ret = step;
        return 0;
}

/* First pass: the vault */

static void on_added(int r, bool newly_linked, void *userdata)
{
        _cleanup_(step_freep) Step *step = userdata;
        Reconcile *reconcile = step->reconcile;

        if (r == ERROR_LINK_CONFLICT || r == ERROR_LIMITS_EXCEEDED)
                reconcile->result.conflicts++;
        else if (r != 0)
                reconcile_fail(reconcile, r, 0);
        if (newly_linked) {
                reconcile->result.added++;
                tenancy_tell_link_added(reconcile->tenancy, step->link);
        }
        reconcile_close(reconcile);
}

static int add_link(Reconcile *reconcile, const Passkey *passkey)
{
        _cleanup_(step_freep) Step *step = NULL;
        Link *link;
        int r;

        if (reconcile->dry_run) {
                reconcile->result.added++;
                return 0;
        }
        r = link_new(passkey->id, passkey->user_id, passkey->platform_name, realtime_ms(),
                     passkey->last_used_at_ms, &link);
        if (r == 0)
                r = step_new(reconcile, link, &step);
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

/* A vault that gives the same page again and again would never end. */
static int next_page(Reconcile *reconcile, const char *next_cursor)
{
        if (isempty(next_cursor)) {
                reconcile->vault_done = true;
                reconcile->cursor = (free(reconcile->cursor), NULL);
                return 0;
        }
        if (streq_ptr(reconcile->cursor, next_cursor))
                return ERROR_MALFORMED_REPLY;
        free(reconcile->cursor);
        reconcile->cursor = strdup(next_cursor);
        return reconcile->cursor ? 0 : -ENOMEM;
}

static void on_page(int r, uint32_t retry_after_s, const PasskeyList *passkeys,
                    const char *next_cursor, void *userdata)
{
        Reconcile *reconcile = userdata;

        reconcile->page = NULL;
        tenancy_note_api_result(reconcile->tenancy, r);
        for (size_t i = 0; r == 0 && i < passkeys->n_passkeys; i++)
                r = check_passkey(reconcile, passkeys->passkeys[i]);
        if (r == 0)
                r = next_page(reconcile, next_cursor);
        if (r != 0)
                reconcile_fail(reconcile, r, retry_after_s);
        else if (reconcile->progress)
                reconcile->progress(reconcile->result.checked, reconcile->n_links,
                                    reconcile->userdata);
        reconcile_close(reconcile);
}

static int ask_for_page(Reconcile *reconcile)
{
        int r;

        r = api_list_passkeys(reconcile->tenancy->api, reconcile->cursor, on_page, reconcile,
                              &reconcile->page);
        if (r == 0)
                reconcile->n_open++;
        return r;
}

/* Second pass: the links */

static void on_removed(int r, const LinkList *removed, void *userdata)
{
        Reconcile *reconcile = userdata;

        if (r == 0) {
                reconcile->result.removed++;
                tenancy_tell_link_removed(reconcile->tenancy, removed->links[0]);
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
        _cleanup_(step_freep) Step *step = userdata;
        Reconcile *reconcile = step->reconcile;

        tenancy_note_api_result(reconcile->tenancy, r);
        if (r == ERROR_NOT_FOUND)
                r = reconcile->cancelled ? 0 : remove_link(reconcile, step->link);
        if (r != 0)
                reconcile_fail(reconcile, r, retry_after_s);
        reconcile_close(reconcile);
}

static int probe(Reconcile *reconcile, Link *link)
{
        _cleanup_(step_freep) Step *step = NULL;
        ApiCall *call;
        int r;

        r = step_new(reconcile, link, &step);
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

/* What the vault cannot have listed, or did list, is no suspect. */
static int sift_links(Reconcile *reconcile, LinkList *page)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < page->n_links; i++) {
                Link *link = page->links[i];

                if (link->created_at_ms >= reconcile->begun_at_ms ||
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

/* Starts what comes next. Nothing is left to do if it starts nothing. */
static int reconcile_next(Reconcile *reconcile, bool *ret_finished)
{
        *ret_finished = false;
        if (!reconcile->vault_done)
                return ask_for_page(reconcile);
        if (reconcile->suspects.n_links > 0)
                return probe_suspects(reconcile);
        if (!reconcile->links_done && !reconcile->recovering)
                return look_through_links(reconcile);
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

        if (!tenancy->has_key)
                return ERROR_NOT_CONFIGURED;
        if (tenancy->reconcile)
                return ERROR_LIMITS_EXCEEDED;
        reconcile = calloc(1, sizeof(Reconcile));
        if (!reconcile)
                return -ENOMEM;
        reconcile->tenancy = tenancy_ref(tenancy);
        reconcile->func = func;
        reconcile->userdata = userdata;
        reconcile->begun_at_ms = realtime_ms();
        r = id_set_new(&reconcile->seen);
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

        r = ask_for_page(owned);
        if (r != 0)
                return r;
        *ret = owned->tenancy->reconcile = owned;
        TAKE_PTR(owned);
        return 0;
}

int reconcile_start(Tenancy *tenancy, bool dry_run, ReconcileFunc func,
                    ReconcileProgressFunc progress, void *userdata, Reconcile **ret)
{
        Reconcile *reconcile;
        int r;

        r = reconcile_new(tenancy, func, userdata, &reconcile);
        if (r != 0)
                return r;
        reconcile->dry_run = dry_run;
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
