/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>

#include "daemon/backoff/backoff.h"
#include "daemon/core/crash-recovery.h"
#include "daemon/core/exchange-internal.h"
#include "daemon/core/interrupted-exchanges.h"
#include "daemon/core/recovery-candidates.h"
#include "daemon/core/vault-iterator.h"
#include "daemon/core/wait-list.h"
#include "daemon/store/store.h"
#include "dbus/error.h"

#define RETRY_FIRST_MS 1000U
#define RETRY_MAX_MS   300000U

/* The longest time that a retry waits for recovery; a large vault takes longer. */
#define PATIENCE_MS 2000U

struct CrashRecovery {
        Tenancy *tenancy;
        Backoff *backoff;
        bool stopped;
        bool loaded;
        bool decisions_lost;
        ExchangeIntentList interrupted;
        int last_error;

        /* In progress: paging through the vault, then the store change. */
        Api *api;
        VaultIterator *iterator;
        Recovery *recovery; /* NULL until the first page: the API's clock is not known before */
        uint64_t n_checked;
        bool committing;
        WaitList *waiting_retries; /* retries that wait for recovery */
};

/* Does not cancel a store change. */
static void cancel_paging(CrashRecovery *recovery)
{
        recovery->iterator = vault_iterator_free(recovery->iterator);
        recovery->recovery = recovery_free(recovery->recovery);
        recovery->api = api_unref(recovery->api);
}

/* Audits consecutive failures with the same error once. */
static void fail(CrashRecovery *recovery, int r, uint32_t retry_after_s)
{
        if (r != recovery->last_error)
                audit(EVENT_RECOVERY_FAILED, .tenancy = tenancy_label(recovery->tenancy),
                      .error = r);
        recovery->last_error = r;
        cancel_paging(recovery);
        backoff_retry(recovery->backoff, retry_after_s);
        wait_list_wake(recovery->waiting_retries);
}

/* Counts the exchanges that can be recovered at the current endpoint and that no retry has taken
 * over. */
static size_t count_due(const CrashRecovery *recovery)
{
        const char *endpoint = tenancy_endpoint(recovery->tenancy);
        size_t n = 0;

        for (size_t i = 0; i < recovery->interrupted.n_intents; i++) {
                const ExchangeIntent *exchange = &recovery->interrupted.intents[i];

                n += !exchange->taken_over &&
                     !interrupted_exchange_has_other_endpoint(exchange, endpoint);
        }
        return n;
}

/* Store change */

/* Schedules another attempt for unresolved claims: a retry is in flight, or has given its intent
 * back. */
static void retry_unresolved(CrashRecovery *recovery, bool any_held)
{
        if (count_due(recovery) == 0) {
                backoff_stop(recovery->backoff);
                wait_list_wake(recovery->waiting_retries);
        } else if (any_held) {
                backoff_retry(recovery->backoff, 0);
        } else {
                backoff_start(recovery->backoff);
        }
}

static void succeed(CrashRecovery *recovery, const LinkList *added, size_t n_left, bool any_held)
{
        const char *label = tenancy_label(recovery->tenancy);

        for (size_t i = 0; i < added->n_links; i++)
                tenancy_notify_link_added(recovery->tenancy, added->links[i], &(AuditOrigin){});
        audit(EVENT_RECOVERY_DONE, .tenancy = label,
              .counts = {{FIELD_CHECKED, recovery->n_checked}, {FIELD_ADDED, added->n_links}});
        if (n_left > 0)
                audit(EVENT_RECOVERY_AMBIGUOUS, .tenancy = label,
                      .counts = {{FIELD_COUNT, n_left}});
        recovery->last_error = 0;
        cancel_paging(recovery);
        retry_unresolved(recovery, any_held);
}

static void on_recovered(int r, const Recovery *resolved, const LinkList *added, size_t n_left,
                         void *userdata)
{
        CrashRecovery *recovery = userdata;
        Tenancy *tenancy = recovery->tenancy;
        bool any_held = false;

        recovery->committing = false;
        if (r == 0) {
                for (size_t i = 0; i < resolved->n_claims; i++)
                        if (resolved->claims[i].held)
                                any_held = true;
                        else
                                interrupted_exchanges_remove(&recovery->interrupted,
                                                             resolved->claims[i].intent_id);
                succeed(recovery, added, n_left, any_held);
        } else {
                fail(recovery, r, 0);
        }
        tenancy_end_change(tenancy);
}

static int commit(CrashRecovery *recovery)
{
        int r;

        recovery->iterator = vault_iterator_free(recovery->iterator);
        recovery_drop_taken_over(recovery->recovery, &recovery->interrupted);
        recovery->recovery->decisions_lost = recovery->decisions_lost;
        r = store_recover(recovery->tenancy->store, recovery->tenancy->id,
                          TAKE_PTR(recovery->recovery), on_recovered, recovery, NULL);
        if (r < 0)
                return r;
        recovery->committing = true;
        tenancy_begin_change(recovery->tenancy);
        return 0;
}

/* Waits until all retries have ended, and the exchanges that were in flight after the last page:
 * only then the number of claims is known. */
static int commit_if_idle(CrashRecovery *recovery)
{
        bool idle = interrupted_exchanges_count(&recovery->interrupted) ==
                            recovery->interrupted.n_intents &&
                    !exchanges_are_awaited(recovery->tenancy->exchanges);

        return idle ? commit(recovery) : 0;
}

static bool waits_for_exchanges(const CrashRecovery *recovery)
{
        return recovery->iterator && vault_iterator_is_done(recovery->iterator) &&
               !vault_iterator_is_asking(recovery->iterator);
}

/* Paging through the vault */

static int end_paging(CrashRecovery *recovery)
{
        exchanges_await(recovery->tenancy->exchanges);
        return commit_if_idle(recovery);
}

static void on_page(const Result *result, void *userdata)
{
        CrashRecovery *recovery = userdata;
        const PasskeyList *passkeys = result->passkeys;
        int r = result->r;

        if (r == 0 && !recovery->recovery)
                r = recovery_new(&recovery->interrupted, tenancy_endpoint(recovery->tenancy),
                                 recovery->api, &recovery->recovery);
        if (r == 0)
                tenancy_note_unreadable_rows(recovery->tenancy, passkeys->n_unreadable, NULL);
        for (size_t i = 0; r == 0 && i < passkeys->n_passkeys; i++, recovery->n_checked++)
                r = recovery_check_passkey(recovery->recovery, recovery->tenancy,
                                           passkeys->passkeys[i]);
        if (r == 0)
                r = vault_iterator_is_done(recovery->iterator)
                            ? end_paging(recovery)
                            : vault_iterator_next(recovery->iterator, on_page, recovery);
        if (r != 0)
                fail(recovery, r, result->retry_after_s);
}

static int begin_paging(CrashRecovery *recovery)
{
        int r;

        recovery->n_checked = 0;
        recovery->api = api_ref(recovery->tenancy->api);
        r = vault_iterator_new(recovery->api, &recovery->iterator);
        return r < 0 ? r : vault_iterator_next(recovery->iterator, on_page, recovery);
}

/* Only an exchange that wanted a link needs the vault. */
static bool needs_paging(const CrashRecovery *recovery)
{
        const char *endpoint = tenancy_endpoint(recovery->tenancy);

        for (size_t i = 0; i < recovery->interrupted.n_intents; i++) {
                const ExchangeIntent *exchange = &recovery->interrupted.intents[i];

                if (exchange->wants_link &&
                    !interrupted_exchange_has_other_endpoint(exchange, endpoint))
                        return true;
        }
        return false;
}

static void load(CrashRecovery *recovery)
{
        ExchangeIntentList *interrupted = &recovery->interrupted;

        if (store_list_exchanges(recovery->tenancy->store, recovery->tenancy->id, interrupted) != 0)
                return;
        recovery->loaded = true;
        if (interrupted->n_intents > 0)
                audit(EVENT_RECOVERY_NEEDED, .tenancy = tenancy_label(recovery->tenancy),
                      .counts = {{FIELD_COUNT, interrupted->n_intents}});
}

static bool is_in_progress(const CrashRecovery *recovery)
{
        return recovery->iterator || recovery->committing;
}

static int begin(CrashRecovery *recovery)
{
        int r;

        if (needs_paging(recovery))
                return begin_paging(recovery);
        r = recovery_new(&recovery->interrupted, tenancy_endpoint(recovery->tenancy), NULL,
                         &recovery->recovery);
        return r < 0 ? r : commit(recovery);
}

static void on_time(void *userdata)
{
        CrashRecovery *recovery = userdata;
        int r;

        if (recovery->stopped || is_in_progress(recovery))
                return;
        if (count_due(recovery) == 0 || !tenancy_is_usable(recovery->tenancy)) {
                backoff_stop(recovery->backoff);
                return;
        }
        r = begin(recovery);
        if (r != 0)
                fail(recovery, r, 0);
}

/* Retries */

/* If the retry crashes too, recovery uses the intent on disk, so both must want the same link. */
static bool wants_same_link(const ExchangeIntent *intent, const ExchangeIntent *retry)
{
        return intent->wants_link == retry->wants_link &&
               streq_ptr(intent->user_id, retry->user_id);
}

uint64_t crash_recovery_take_over(CrashRecovery *recovery, const ExchangeIntent *retry,
                                  bool *ret_interrupted)
{
        ExchangeIntent *exchange =
                interrupted_exchanges_find_retry(&recovery->interrupted, retry->key);

        if (!exchange)
                return 0;
        *ret_interrupted = true;
        /* Recovery may remove the intent before the retry has called the API. */
        if (recovery->committing || waits_for_exchanges(recovery))
                return 0;
        if (!wants_same_link(exchange, retry))
                return 0;
        exchange->taken_over = true;
        return exchange->id;
}

void crash_recovery_resume(CrashRecovery *recovery)
{
        int r;

        if (recovery->stopped || !waits_for_exchanges(recovery))
                return;
        r = commit_if_idle(recovery);
        if (r != 0)
                fail(recovery, r, 0);
}

void crash_recovery_note_lost_decision(CrashRecovery *recovery)
{
        recovery->decisions_lost = true;
}

void crash_recovery_give_back(CrashRecovery *recovery, uint64_t intent_id, bool resolved)
{
        ExchangeIntent *exchange = interrupted_exchanges_find(&recovery->interrupted, intent_id);

        if (!exchange)
                return;
        exchange->taken_over = false;
        if (resolved)
                interrupted_exchanges_remove(&recovery->interrupted, intent_id);
        if (waits_for_exchanges(recovery)) {
                crash_recovery_resume(recovery);
        } else if (!resolved && !recovery->stopped && !is_in_progress(recovery) &&
                   !backoff_is_waiting(recovery->backoff)) {
                backoff_start(recovery->backoff);
        }
}

size_t crash_recovery_n_unfinished(const CrashRecovery *recovery)
{
        return interrupted_exchanges_count(&recovery->interrupted);
}

int crash_recovery_wait(CrashRecovery *recovery, WaitFunc func, void *userdata)
{
        bool is_due = is_in_progress(recovery) ||
                      (recovery->last_error == 0 && backoff_is_waiting(recovery->backoff));

        if (is_due)
                return wait_list_add(recovery->waiting_retries, func, userdata);
        func(userdata);
        return 0;
}

static void crash_recovery_free(CrashRecovery *recovery)
{
        if (!recovery)
                return;
        cancel_paging(recovery);
        exchange_intent_list_clear(&recovery->interrupted);
        wait_list_free(recovery->waiting_retries);
        backoff_free(recovery->backoff);
        free(recovery);
}
DEFINE_CLEANUP(CrashRecovery *, crash_recovery_free);

static int attach(Tenancy *tenancy)
{
        _cleanup_(crash_recovery_freep) CrashRecovery *recovery = calloc(1, sizeof(CrashRecovery));
        int r;

        if (!recovery)
                return -ENOMEM;
        recovery->tenancy = tenancy;
        r = backoff_new(tenancy->event, RETRY_FIRST_MS, RETRY_MAX_MS, on_time, recovery,
                        &recovery->backoff);
        if (r >= 0)
                r = wait_list_new(tenancy->event, PATIENCE_MS, &recovery->waiting_retries);
        if (r < 0)
                return r;
        tenancy->crash_recovery = TAKE_PTR(recovery);
        return 0;
}

static void detach(Tenancy *tenancy)
{
        crash_recovery_free(tenancy->crash_recovery);
}

static void start(Tenancy *tenancy)
{
        CrashRecovery *recovery = tenancy->crash_recovery;

        recovery->stopped = false;
        if (!recovery->loaded)
                load(recovery);
        if (!is_in_progress(recovery))
                backoff_start(recovery->backoff);
}

static void intents_added(Tenancy *tenancy)
{
        CrashRecovery *recovery = tenancy->crash_recovery;
        _cleanup_(exchange_intent_list_clear) ExchangeIntentList all = {};
        size_t n_known = recovery->interrupted.n_intents;

        if (!recovery->loaded || store_list_exchanges(tenancy->store, tenancy->id, &all) != 0)
                return;
        for (size_t i = 0; i < all.n_intents; i++)
                if (!interrupted_exchanges_find(&recovery->interrupted, all.intents[i].id))
                        (void) exchange_intent_list_push(&recovery->interrupted, &all.intents[i]);
        if (recovery->interrupted.n_intents == n_known)
                return;
        audit(EVENT_RECOVERY_NEEDED, .tenancy = tenancy_label(tenancy),
              .counts = {{FIELD_COUNT, recovery->interrupted.n_intents - n_known}});
        if (!recovery->stopped && !is_in_progress(recovery))
                backoff_start(recovery->backoff);
}

static void stop(Tenancy *tenancy)
{
        CrashRecovery *recovery = tenancy->crash_recovery;

        recovery->stopped = true;
        if (!recovery->committing)
                cancel_paging(recovery);
        backoff_stop(recovery->backoff);
        wait_list_wake(recovery->waiting_retries);
}

static void api_is_back(Tenancy *tenancy)
{
        CrashRecovery *recovery = tenancy->crash_recovery;

        if (recovery->last_error == ERROR_UNREACHABLE)
                backoff_hurry(recovery->backoff);
}

static int find(const Tenancy *tenancy, FindingList *list)
{
        const CrashRecovery *recovery = tenancy->crash_recovery;
        size_t n_other_endpoint = 0;
        char text[160], other_endpoint[64] = "";

        if (recovery->interrupted.n_intents == 0)
                return 0;
        for (size_t i = 0; i < recovery->interrupted.n_intents; i++)
                n_other_endpoint += interrupted_exchange_has_other_endpoint(
                        &recovery->interrupted.intents[i], tenancy_endpoint(tenancy));
        if (n_other_endpoint > 0)
                (void) snprintf(other_endpoint, sizeof(other_endpoint),
                                "; of another Endpoint: %zu", n_other_endpoint);
        (void) snprintf(text, sizeof(text), "Interrupted exchanges not yet recovered: %zu%s%s%s",
                        recovery->interrupted.n_intents, other_endpoint,
                        recovery->last_error ? "; the last attempt failed: " : "",
                        recovery->last_error ? error_strerror(recovery->last_error) : "");
        return finding_add(list, .kind = "recovery", .tenancy = tenancy_label(recovery->tenancy),
                           .text = text);
}

const TenancyPart crash_recovery_part = {
        .attach = attach,
        .detach = detach,
        .start = start,
        .intents_added = intents_added,
        .stop = stop,
        .api_is_back = api_is_back,
        .find = find,
};
