/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/strv.h"
#include "daemon/core/links.h"
#include "daemon/shared-store-join.h"
#include "daemon/store/store-shared.h"
#include "dbus/error.h"

#define PAGE_BYTES (1U << 20)

typedef struct Join {
        Call call;
        Tenancies *tenancies;
        AuditOrigin origin;
        bool apply;

        Store *own; /* the store of this host */
        char **tenancy_ids;
        size_t tenancy;
        char *cursor; /* of the next page */
        bool is_importing;
        bool is_cancelled; /* freed when the import ends */

        char **conflicts;
        StoreJoin result;
} Join;

static void destroy(Call *call)
{
        Join *join = (Join *) call;

        store_free(join->own);
        strv_free(join->tenancy_ids);
        strv_free(join->conflicts);
        free(join->cursor);
}

/* An import cannot be cancelled. */
static void cancel(Call *call)
{
        Join *join = (Join *) call;

        if (join->is_importing)
                join->is_cancelled = true;
        else
                call_free(call);
}

static int note_conflict(Join *join, const char *kind, const Link *link)
{
        _cleanup_(freep) char *key = NULL, *text = NULL;

        if (join->result.conflicting + join->result.exceeding > STORE_CONFLICTS_MAX)
                return 0;
        key = store_shared_key(join->tenancy_ids[join->tenancy], link->authenticator_id);
        if (!key || asprintf(&text, "%s %s", kind, key) < 0) {
                text = NULL;
                return -ENOMEM;
        }
        return strv_push(&join->conflicts, text);
}

static int note_outcome(Join *join, const Link *link, LinkOutcome outcome)
{
        switch (outcome) {
        case LINK_ADDED:
                join->result.added++;
                break;
        case LINK_PRESENT:
                join->result.present++;
                break;
        case LINK_CONFLICTING:
                join->result.conflicting++;
                return note_conflict(join, "conflicting", link);
        case LINK_EXCEEDING:
                join->result.exceeding++;
                return note_conflict(join, "exceeding", link);
        }
        return 0;
}

static int count_unfinished(Join *join, const char *tenancy_id)
{
        _cleanup_(exchange_intent_list_clear) ExchangeIntentList exchanges = {};
        _cleanup_(delete_intent_list_clear) DeleteIntentList deletes = {};
        int r;

        r = store_list_exchanges(join->own, tenancy_id, &exchanges);
        if (r == 0)
                r = store_list_deletes(join->own, tenancy_id, &deletes);
        join->result.unfinished += exchanges.n_intents + deletes.n_intents;
        return r;
}

static void on_imported(const Result *result, void *userdata);

static int import_page(Join *join, const LinkList *page)
{
        Tenancy *tenancy;
        int r;

        r = tenancies_get(join->tenancies, join->tenancy_ids[join->tenancy], &tenancy);
        if (r < 0)
                return r;
        r = links_import(tenancy, page, !join->apply, &join->origin, on_imported, join);
        tenancy_unref(tenancy);
        join->is_importing = r == 0;
        return r;
}

static int next_tenancy(Join *join)
{
        int r;

        r = count_unfinished(join, join->tenancy_ids[join->tenancy]);
        join->tenancy++;
        return r;
}

/* Returns 0 if an import is in flight, CALL_ANSWERED if nothing is left, or an error. */
static int import_next(Join *join)
{
        int r = 0;

        while (r == 0 && join->tenancy_ids && join->tenancy_ids[join->tenancy]) {
                _cleanup_(link_list_clear) LinkList page = {};
                char *next = NULL;

                r = store_list(join->own, join->tenancy_ids[join->tenancy], join->cursor,
                               STORE_IMPORT_MAX, PAGE_BYTES, &page, &next);
                free(join->cursor);
                join->cursor = next;
                if (r == 0 && page.n_links > 0)
                        return import_page(join, &page);
                if (r == 0)
                        r = next_tenancy(join);
        }
        return r == 0 ? CALL_ANSWERED : r;
}

static int take_outcomes(Join *join, const Result *result)
{
        int r = result->r;

        for (size_t i = 0; r == 0 && i < result->links->n_links; i++)
                r = note_outcome(join, result->links->links[i], result->outcomes[i]);
        if (r == 0 && !join->cursor)
                r = next_tenancy(join);
        return r == 0 ? import_next(join) : r;
}

static void on_imported(const Result *result, void *userdata)
{
        Join *join = userdata;
        int r;

        join->is_importing = false;
        if (join->is_cancelled) {
                call_free(&join->call);
                return;
        }
        r = take_outcomes(join, result);
        join->result.conflicts = join->conflicts;
        if (r == CALL_ANSWERED)
                call_end(&join->call, &(Result){.join = &join->result});
        else if (r != 0)
                call_end(&join->call, &(Result){.r = r});
}

/* Opening a store would create it. */
static int open_own(Join *join, const char *directory)
{
        _cleanup_(freep) char *path = NULL;
        int r;

        if (asprintf(&path, "%s/data.mdb", directory) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        if (access(path, F_OK) < 0)
                return errno == ENOENT ? ERROR_NOT_FOUND : ERROR_STORE_FAILED;
        r = store_open(directory, &join->own);
        if (r < 0)
                return r == -ENOMEM ? r : ERROR_STORE_FAILED;
        return store_list_tenancies(join->own, &join->tenancy_ids);
}

int shared_store_join_start(Tenancies *tenancies, const char *state_directory, bool apply,
                            const AuditOrigin *origin, ResultFunc func, void *userdata, Call **ret)
{
        Join *join;
        int r;

        r = call_new_without_api(sizeof(Join), NULL, func, userdata, &join);
        if (r < 0)
                return r;
        join->call.destroy = destroy;
        join->call.cancel = cancel;
        join->tenancies = tenancies;
        join->origin = *origin;
        join->apply = apply;
        r = open_own(join, state_directory);
        if (r == 0)
                r = import_next(join);
        if (r == CALL_ANSWERED)
                func(&(Result){.join = &join->result}, userdata);
        return call_started(&join->call, r, ret);
}
