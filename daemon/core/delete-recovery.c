/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "daemon/backoff/backoff.h"
#include "daemon/core/delete-recovery.h"
#include "daemon/core/pending-delete.h"
#include "daemon/core/vault-probe.h"
#include "daemon/store/store.h"
#include "dbus/error.h"

#define RETRY_FIRST_MS 1000U
#define RETRY_MAX_MS   300000U

/* The API is assumed to finish a delete within this time. */
#define PENDING_MS 60000U

struct DeleteRecovery {
        Tenancy *tenancy;
        Backoff *backoff;
        bool stopped;
        bool loaded;
        TAILQ_HEAD(, PendingDelete) deletes; /* oldest first */
        unsigned round; /* each delete is checked once per round; the back-off delay is between
                           rounds */

        PendingDelete *current; /* the delete being checked, or NULL */
        VaultProbe *probe;
        LinkList rest; /* of the current delete, to be checked again */
        int result;    /* of the probe */
        uint32_t retry_after_s;
};

static void push(DeleteRecovery *recovery, PendingDelete *pending)
{
        pending->round = recovery->round - 1;
        TAILQ_INSERT_TAIL(&recovery->deletes, pending, entry);
}

static void drop(DeleteRecovery *recovery, PendingDelete *pending)
{
        TAILQ_REMOVE(&recovery->deletes, pending, entry);
        pending_delete_free(pending);
}

size_t delete_recovery_n_unfinished(const DeleteRecovery *recovery)
{
        const PendingDelete *pending;
        size_t n = 0;

        TAILQ_FOREACH(pending, &recovery->deletes, entry)
                n++;
        return n;
}

int delete_recovery_add(DeleteRecovery *recovery, const char *endpoint, LinkList *links,
                        uint64_t intent_id, const AuditOrigin *origin)
{
        PendingDelete *pending;
        int r;

        r = pending_delete_new(endpoint, links, intent_id, origin, &pending);
        if (r < 0)
                return r;
        push(recovery, pending);
        if (recovery->stopped || recovery->current)
                return 0;
        if (backoff_is_waiting(recovery->backoff))
                backoff_hurry(recovery->backoff);
        else
                backoff_retry(recovery->backoff, 0);
        return 0;
}

static void check_next(DeleteRecovery *recovery);

/* The current delete has been checked, or its check has failed. */
static void end_current(DeleteRecovery *recovery)
{
        recovery->current = NULL;
        link_list_clear(&recovery->rest);
        if (recovery->stopped)
                return;
        if (recovery->result != 0)
                backoff_retry(recovery->backoff, recovery->retry_after_s);
        else
                check_next(recovery);
}

static void on_removed(int r, const LinkList *removed, void *userdata)
{
        DeleteRecovery *recovery = userdata;
        Tenancy *tenancy = recovery->tenancy;
        PendingDelete *pending = recovery->current;

        tenancy_notify_links_removed(tenancy, removed, &pending->origin);
        if (r != 0) { /* check all links again */
                recovery->result = r;
        } else if (recovery->rest.n_links > 0) {
                link_list_clear(&pending->links);
                pending->links = TAKE(recovery->rest, (LinkList){});
        } else if (recovery->result >= 0) {
                drop(recovery, pending);
        }
        end_current(recovery);
        tenancy_end_change(tenancy);
}

/* Keeps the links to check again: for a minute those whose passkeys still exist, and without limit
 * those whose lookup failed. Takes ownership of the lists. */
static void collect_rest(DeleteRecovery *recovery, LinkList *there, LinkList *unknown)
{
        PendingDelete *pending = recovery->current;

        pending->uncertain = unknown->n_links > 0;
        if (monotonic_ms() - pending->since_ms < PENDING_MS)
                recovery->rest = TAKE(*there, (LinkList){});
        while (unknown->n_links > 0)
                if (link_list_push(&recovery->rest, unknown->links[--unknown->n_links]) < 0)
                        recovery->result = -ENOMEM;
        if (recovery->result < 0) /* the list may be incomplete */
                link_list_clear(&recovery->rest);
}

static void on_probed(int r, uint32_t retry_after_s, LinkList *gone, LinkList *there,
                      LinkList *unknown, void *userdata)
{
        DeleteRecovery *recovery = userdata;
        Tenancy *tenancy = recovery->tenancy;
        bool is_over;

        recovery->probe = NULL;
        recovery->result = r;
        recovery->retry_after_s = retry_after_s;
        collect_rest(recovery, there, unknown);
        is_over = recovery->result >= 0 && recovery->rest.n_links == 0;
        r = store_remove_unchanged(tenancy->store, tenancy->id, gone,
                                   is_over ? recovery->current->intent_id : 0, on_removed, recovery,
                                   NULL);
        if (r < 0) {
                recovery->result = r;
                end_current(recovery);
                return;
        }
        tenancy_begin_change(tenancy);
}

static int probe(DeleteRecovery *recovery, PendingDelete *pending)
{
        _cleanup_(link_list_clear) LinkList copy = {};
        int r;

        r = link_list_copy(&pending->links, &copy);
        if (r == 0)
                r = vault_probe_start(recovery->tenancy->event, recovery->tenancy->api, &copy,
                                      on_probed, recovery, &recovery->probe);
        if (r == 0)
                recovery->current = pending;
        return r;
}

/* The next delete to check in this round, or NULL. A delete without links can be dropped at any
 * endpoint. */
static PendingDelete *find_next(DeleteRecovery *recovery)
{
        PendingDelete *p;

        TAILQ_FOREACH(p, &recovery->deletes, entry) {
                if (p->round == recovery->round)
                        continue;
                p->round = recovery->round;
                pending_delete_refresh(p, recovery->tenancy);
                if (p->links.n_links == 0 || pending_delete_has_endpoint_of(p, recovery->tenancy))
                        return p;
        }
        return NULL;
}

static void check_next(DeleteRecovery *recovery)
{
        PendingDelete *next = find_next(recovery);

        if (next) {
                if (probe(recovery, next) < 0)
                        backoff_retry(recovery->backoff, 0);
                return;
        }
        recovery->round++;
        if (!TAILQ_EMPTY(&recovery->deletes))
                backoff_retry(recovery->backoff, recovery->retry_after_s);
        else
                backoff_stop(recovery->backoff);
}

static void on_time(void *userdata)
{
        DeleteRecovery *recovery = userdata;

        if (recovery->stopped || recovery->current)
                return;
        if (TAILQ_EMPTY(&recovery->deletes) || !tenancy_is_usable(recovery->tenancy))
                backoff_stop(recovery->backoff);
        else
                check_next(recovery);
}

static int load_one(DeleteRecovery *recovery, const DeleteIntent *intent)
{
        PendingDelete *pending;
        int r;

        TAILQ_FOREACH(pending, &recovery->deletes, entry)
                if (pending->intent_id == intent->id) /* loaded by an earlier attempt */
                        return 0;
        r = pending_delete_from_intent(recovery->tenancy, intent, &pending);
        if (r == 0)
                push(recovery, pending);
        return r;
}

static int load(DeleteRecovery *recovery)
{
        _cleanup_(delete_intent_list_clear) DeleteIntentList list = {};
        int r;

        r = store_list_deletes(recovery->tenancy->store, recovery->tenancy->id, &list);
        for (size_t i = 0; r == 0 && i < list.n_intents; i++)
                r = load_one(recovery, &list.intents[i]);
        if (r == 0)
                recovery->loaded = true;
        return r;
}

static void delete_recovery_free(DeleteRecovery *recovery)
{
        if (!recovery)
                return;
        vault_probe_cancel(recovery->probe);
        link_list_clear(&recovery->rest);
        while (!TAILQ_EMPTY(&recovery->deletes))
                drop(recovery, TAILQ_FIRST(&recovery->deletes));
        backoff_free(recovery->backoff);
        free(recovery);
}
DEFINE_CLEANUP(DeleteRecovery *, delete_recovery_free);

static int attach(Tenancy *tenancy)
{
        _cleanup_(delete_recovery_freep) DeleteRecovery *recovery =
                calloc(1, sizeof(DeleteRecovery));
        int r;

        if (!recovery)
                return -ENOMEM;
        TAILQ_INIT(&recovery->deletes);
        recovery->tenancy = tenancy;
        r = backoff_new(tenancy->event, RETRY_FIRST_MS, RETRY_MAX_MS, on_time, recovery,
                        &recovery->backoff);
        if (r < 0)
                return r;
        tenancy->delete_recovery = TAKE_PTR(recovery);
        return 0;
}

static void detach(Tenancy *tenancy)
{
        delete_recovery_free(tenancy->delete_recovery);
}

static void start(Tenancy *tenancy)
{
        DeleteRecovery *recovery = tenancy->delete_recovery;

        recovery->stopped = false;
        recovery->round++;
        if (!recovery->loaded)
                (void) load(recovery);
        if (!recovery->current)
                backoff_start(recovery->backoff);
}

static void intents_added(Tenancy *tenancy)
{
        DeleteRecovery *recovery = tenancy->delete_recovery;

        (void) load(recovery);
        if (!recovery->stopped && !recovery->current && !TAILQ_EMPTY(&recovery->deletes))
                backoff_start(recovery->backoff);
}

static void stop(Tenancy *tenancy)
{
        DeleteRecovery *recovery = tenancy->delete_recovery;

        recovery->stopped = true;
        if (recovery->probe) { /* a store change is not cancelled */
                recovery->probe = vault_probe_cancel(recovery->probe);
                recovery->current = NULL;
        }
        backoff_stop(recovery->backoff);
}

static void api_is_back(Tenancy *tenancy)
{
        DeleteRecovery *recovery = tenancy->delete_recovery;

        if (recovery->result == ERROR_UNREACHABLE)
                backoff_hurry(recovery->backoff);
}

/* Writes "" if n is 0. */
static const char *format_count(char text[static 64], const char *of_what, size_t n)
{
        text[0] = '\0';
        if (n > 0)
                (void) snprintf(text, 64, "; %s: %zu", of_what, n);
        return text;
}

static int find(const Tenancy *tenancy, FindingList *list)
{
        const DeleteRecovery *recovery = tenancy->delete_recovery;
        size_t n = 0, n_uncertain = 0, n_other_endpoint = 0;
        char text[320], uncertain[64], other_endpoint[64];
        const PendingDelete *p;

        TAILQ_FOREACH(p, &recovery->deletes, entry) {
                n++;
                n_uncertain += p->uncertain;
                n_other_endpoint += !pending_delete_has_endpoint_of(p, tenancy);
        }
        if (n == 0)
                return 0;
        (void) snprintf(text, sizeof(text), "Unfinished vault deletes: %zu%s%s%s%s", n,
                        format_count(other_endpoint, "of another Endpoint", n_other_endpoint),
                        format_count(uncertain, "with failed lookups", n_uncertain),
                        recovery->result ? "; the last attempt failed: " : "",
                        recovery->result ? error_strerror(recovery->result) : "");
        return finding_add(list, .kind = "recovery", .tenancy = tenancy_label(recovery->tenancy),
                           .text = text);
}

const TenancyPart delete_recovery_part = {
        .attach = attach,
        .detach = detach,
        .start = start,
        .intents_added = intents_added,
        .stop = stop,
        .api_is_back = api_is_back,
        .find = find,
};
