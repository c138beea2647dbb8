/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "daemon/backoff/backoff.h"
#include "daemon/core/delete-recovery.h"
#include "daemon/core/vault-probe.h"
#include "daemon/store/store.h"
#include "dbus/error.h"

#define RETRY_FIRST_MS 1000U
#define RETRY_MAX_MS   300000U

/* So long the API may take to act on a delete that it has received. */
#define PENDING_MS 60000U

/* A delete whose outcome is not known. */
typedef struct Pending {
        struct Pending *next;
        LinkList links; /* whose passkeys are to be asked for */
        uint64_t intent_id;
        uint64_t since_ms; /* monotonic */
        AuditOrigin origin;
} Pending;

struct DeleteRecovery {
        Tenancy *tenancy;
        Backoff *backoff;
        bool stopped;
        bool loaded;
        Pending *first; /* the one that is under way, if any is */

        VaultProbe *probe;
        LinkList rest; /* of the first, to be asked for again */
        int result;    /* of the probe */
        uint32_t retry_after_s;
        bool committing;
};

static void on_time(void *userdata);

int delete_recovery_new(Tenancy *tenancy, DeleteRecovery **ret)
{
        _cleanup_(delete_recovery_freep) DeleteRecovery *recovery =
                calloc(1, sizeof(DeleteRecovery));
        int r;

        if (!recovery)
                return -ENOMEM;
        recovery->tenancy = tenancy;
        r = backoff_new(tenancy->event, RETRY_FIRST_MS, RETRY_MAX_MS, on_time, recovery,
                        &recovery->backoff);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(recovery);
        return 0;
}

static void drop_first(DeleteRecovery *recovery)
{
        Pending *pending = recovery->first;

        recovery->first = pending->next;
        link_list_clear(&pending->links);
        free(pending);
}

DeleteRecovery *delete_recovery_free(DeleteRecovery *recovery)
{
        if (!recovery)
                return NULL;
        vault_probe_cancel(recovery->probe);
        link_list_clear(&recovery->rest);
        while (recovery->first)
                drop_first(recovery);
        backoff_free(recovery->backoff);
        free(recovery);
        return NULL;
}

int delete_recovery_add(DeleteRecovery *recovery, LinkList *links, uint64_t intent_id,
                        const AuditOrigin *origin)
{
        _cleanup_(link_list_clear) LinkList owned = TAKE(*links, (LinkList){});
        Pending *pending = malloc(sizeof(Pending)), **end = &recovery->first;

        if (!pending)
                return -ENOMEM;
        *pending = (Pending){.links = TAKE(owned, (LinkList){}),
                             .intent_id = intent_id,
                             .since_ms = monotonic_ms(),
                             .origin = *origin};
        while (*end)
                end = &(*end)->next;
        *end = pending;
        if (!recovery->stopped && !recovery->probe && !recovery->committing &&
            !backoff_is_waiting(recovery->backoff))
                backoff_retry(recovery->backoff, 0);
        return 0;
}

/* The API may still be about to delete what it says is there. */
static bool is_over(const DeleteRecovery *recovery)
{
        return recovery->result == 0 && (recovery->rest.n_links == 0 ||
                                         monotonic_ms() - recovery->first->since_ms >= PENDING_MS);
}

static void on_removed(int r, const LinkList *removed, void *userdata)
{
        DeleteRecovery *recovery = userdata;
        Tenancy *tenancy = recovery->tenancy;
        Pending *pending = recovery->first;

        recovery->committing = false;
        for (size_t i = 0; i < removed->n_links; i++)
                tenancy_tell_link_removed(tenancy, removed->links[i], &pending->origin);
        if (r != 0) { /* all of them are asked for again */
                recovery->result = r;
                link_list_clear(&recovery->rest);
                backoff_retry(recovery->backoff, 0);
        } else if (is_over(recovery)) {
                link_list_clear(&recovery->rest);
                drop_first(recovery);
                backoff_start(recovery->backoff);
        } else {
                link_list_clear(&pending->links);
                pending->links = TAKE(recovery->rest, (LinkList){});
                backoff_retry(recovery->backoff, recovery->retry_after_s);
        }
        tenancy_end_change(tenancy);
}

/* Takes the lists over. */
static void collect_rest(DeleteRecovery *recovery, LinkList *there, LinkList *unknown)
{
        recovery->rest = TAKE(*there, (LinkList){});
        while (unknown->n_links > 0)
                if (link_list_push(&recovery->rest, unknown->links[--unknown->n_links]) < 0)
                        recovery->result = -ENOMEM;
}

static void on_probed(int r, uint32_t retry_after_s, LinkList *gone, LinkList *there,
                      LinkList *unknown, void *userdata)
{
        DeleteRecovery *recovery = userdata;
        Tenancy *tenancy = recovery->tenancy;

        recovery->probe = NULL;
        recovery->result = r;
        recovery->retry_after_s = retry_after_s;
        collect_rest(recovery, there, unknown);
        r = store_remove_unchanged(tenancy->store, tenancy->id, gone,
                                   is_over(recovery) ? recovery->first->intent_id : 0, on_removed,
                                   recovery, NULL);
        if (r < 0) {
                link_list_clear(&recovery->rest);
                backoff_retry(recovery->backoff, retry_after_s);
                return;
        }
        recovery->committing = true;
        tenancy_begin_change(tenancy);
}

static int probe(DeleteRecovery *recovery)
{
        const LinkList *links = &recovery->first->links;
        _cleanup_(link_list_clear) LinkList copy = {};
        int r;

        r = link_list_copy(links, &copy);
        if (r == 0)
                r = vault_probe_start(recovery->tenancy->event, recovery->tenancy->api, &copy,
                                      on_probed, recovery, &recovery->probe);
        return r;
}

static void on_time(void *userdata)
{
        DeleteRecovery *recovery = userdata;

        if (recovery->stopped || recovery->probe || recovery->committing)
                return;
        if (!recovery->first || !tenancy_is_usable(recovery->tenancy))
                backoff_stop(recovery->backoff);
        else if (probe(recovery) < 0)
                backoff_retry(recovery->backoff, 0);
}

/* The links that are there now: what was linked after the delete and before the crash is asked for
 * as well, and has lost its passkey if the vault does not have it. */
static int load_one(DeleteRecovery *recovery, const DeleteIntent *intent)
{
        _cleanup_(link_list_clear) LinkList links = {};
        int r = 0;

        for (const Pending *p = recovery->first; p; p = p->next)
                if (p->intent_id == intent->id) /* an earlier attempt has loaded it */
                        return 0;
        for (char **id = intent->authenticator_ids; r == 0 && id && *id; id++) {
                Link *link;

                r = store_get_link(recovery->tenancy->store, recovery->tenancy->id, *id, &link);
                if (r == 0)
                        r = link_list_push(&links, link);
                else if (r == ERROR_NOT_FOUND)
                        r = 0;
        }
        return r != 0 ? r : delete_recovery_add(recovery, &links, intent->id, &(AuditOrigin){});
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

int delete_recovery_find(const DeleteRecovery *recovery, FindingList *list)
{
        char text[160];
        size_t n = 0;

        for (const Pending *p = recovery->first; p; p = p->next)
                n++;
        if (n == 0)
                return 0;
        (void) snprintf(text, sizeof(text),
                        "Deletes in the vault that are not finished yet: %zu%s%s", n,
                        recovery->result ? "; the last attempt failed: " : "",
                        recovery->result ? error_strerror(recovery->result) : "");
        return finding_add(list, .kind = "recovery", .tenancy = tenancy_label(recovery->tenancy),
                           .text = text);
}

void delete_recovery_start(DeleteRecovery *recovery)
{
        recovery->stopped = false;
        if (!recovery->loaded)
                (void) load(recovery);
        if (!recovery->probe && !recovery->committing)
                backoff_start(recovery->backoff);
}

void delete_recovery_api_is_back(DeleteRecovery *recovery)
{
        if (recovery->result == ERROR_UNREACHABLE && backoff_is_waiting(recovery->backoff))
                backoff_start(recovery->backoff);
}

void delete_recovery_stop(DeleteRecovery *recovery)
{
        recovery->stopped = true;
        recovery->probe = vault_probe_cancel(recovery->probe);
        backoff_stop(recovery->backoff);
}
