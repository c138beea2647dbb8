/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"
#include "base/strv.h"
#include "daemon/backoff/backoff.h"
#include "daemon/core/reconcile.h"
#include "daemon/vault-comparison.h"

#define RETRY_FIRST_MS 1000U
#define RETRY_MAX_MS   (5U * 60U * 1000U)

struct VaultComparison {
        Store *store;
        Tenancies *tenancies;
        Backoff *backoff;
        char **waiting; /* ids of tenancies */
        Call *call;     /* of the last one */
        ReconcileCounts counts;
};

static bool has_differences(const ReconcileCounts *counts)
{
        return counts->added + counts->removed + counts->conflicts > 0;
}

static void note(VaultComparison *comparison, const char *tenancy_id, const ReconcileCounts *counts)
{
        comparison->counts.added += counts->added;
        comparison->counts.removed += counts->removed;
        comparison->counts.conflicts += counts->conflicts;
        log_at(has_differences(counts) ? LOG_ERR : LOG_NOTICE,
               "Compared the links of tenancy %s with the vault after the restore: %" PRIu64
               " passkeys without a link, %" PRIu64 " links without a passkey, %" PRIu64
               " linked to another user",
               tenancy_id, counts->added, counts->removed, counts->conflicts);
}

static void on_compared(const Result *result, void *userdata)
{
        VaultComparison *comparison = userdata;
        size_t n = strv_len(comparison->waiting);

        comparison->call = NULL;
        if (result->r != 0) {
                backoff_retry(comparison->backoff, result->retry_after_s);
                return;
        }
        note(comparison, comparison->waiting[n - 1], result->counts);
        strv_truncate(comparison->waiting, n - 1);
        backoff_start(comparison->backoff);
}

/* One that has left the configuration must not block the others. */
static void move_to_front(char **strv, size_t n)
{
        char *last = strv[n - 1];

        memmove(strv + 1, strv, (n - 1) * sizeof(char *));
        strv[0] = last;
}

static int compare(VaultComparison *comparison, const char *tenancy_id)
{
        const ReconcileOptions options = {.dry_run = true, .max_remove = RECONCILE_UNBOUNDED};
        _cleanup_(tenancy_unrefp) Tenancy *tenancy = NULL;
        const AuditOrigin origin = {};
        int r;

        r = tenancies_get(comparison->tenancies, tenancy_id, &tenancy);
        return r < 0 ? r
                     : reconcile_start(tenancy, &options, &origin, on_compared, NULL, comparison,
                                       &comparison->call);
}

static void compare_next(void *userdata)
{
        VaultComparison *comparison = userdata;
        size_t n = strv_len(comparison->waiting);

        if (comparison->call || n == 0) {
                backoff_stop(comparison->backoff);
                return;
        }
        if (compare(comparison, comparison->waiting[n - 1]) == 0)
                return;
        move_to_front(comparison->waiting, n);
        backoff_retry(comparison->backoff, 0);
}

void vault_comparison_start(VaultComparison *comparison, Tenancies *tenancies)
{
        char **all = NULL;

        comparison->tenancies = tenancies;
        comparison->call = call_cancel(comparison->call);
        comparison->counts = (ReconcileCounts){};
        if (store_list_tenancies(comparison->store, &all) != 0)
                return;
        strv_free(comparison->waiting);
        comparison->waiting = all;
        backoff_start(comparison->backoff);
}

int vault_comparison_diagnose(const VaultComparison *comparison, FindingList *list)
{
        const ReconcileCounts *counts = &comparison->counts;
        char text[256];

        if (!has_differences(counts))
                return 0;
        (void) snprintf(text, sizeof(text),
                        "After etcd was restored from a backup, links and vault differ: %" PRIu64
                        " passkeys without a link, %" PRIu64 " links without a passkey, %" PRIu64
                        " linked to another user",
                        counts->added, counts->removed, counts->conflicts);
        return finding_add(list, .kind = "store", .name = "vault", .text = text,
                           .advice = "see passlockctl reconcile, and its option --apply; this "
                                     "finding stays until passlockd restarts");
}

int vault_comparison_new(sd_event *event, Store *store, VaultComparison **ret)
{
        VaultComparison *comparison = calloc(1, sizeof(VaultComparison));
        int r;

        if (!comparison)
                return -ENOMEM;
        comparison->store = store;
        r = backoff_new(event, RETRY_FIRST_MS, RETRY_MAX_MS, compare_next, comparison,
                        &comparison->backoff);
        if (r < 0) {
                vault_comparison_free(comparison);
                return r;
        }
        *ret = comparison;
        return 0;
}

VaultComparison *vault_comparison_free(VaultComparison *comparison)
{
        if (!comparison)
                return NULL;
        call_cancel(comparison->call);
        backoff_free(comparison->backoff);
        strv_free(comparison->waiting);
        free(comparison);
        return NULL;
}
