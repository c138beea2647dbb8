/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "daemon/backoff/backoff.h"
#include "daemon/core/crash-recovery.h"
#include "daemon/core/leftovers.h"
#include "daemon/core/vault-walk.h"
#include "daemon/core/wait-list.h"
#include "daemon/store/store.h"
#include "dbus/error.h"

#define RETRY_FIRST_MS 1000U
#define RETRY_MAX_MS   300000U

/* Repeats do not wait longer for a large vault. */
#define PATIENCE_MS 2000U

/* More passkeys than this cannot be told apart anyway. */
#define CANDIDATES_MAX 10000U

struct CrashRecovery {
        Tenancy *tenancy;
        Backoff *backoff;
        bool stopped;
        bool loaded;
        Leftovers leftovers;
        int last_error;

        /* Under way: the walk, and then the change. */
        Api *api;
        VaultWalk *walk;
        Recovery *recovery; /* NULL until the API's clock is known */
        uint64_t n_checked;
        bool committing;
        WaitList *waiters; /* repeats */
};

static void on_time(void *userdata);

int crash_recovery_new(Tenancy *tenancy, CrashRecovery **ret)
{
        _cleanup_(crash_recovery_freep) CrashRecovery *recovery = calloc(1, sizeof(CrashRecovery));
        int r;

        if (!recovery)
                return -ENOMEM;
        recovery->tenancy = tenancy;
        r = backoff_new(tenancy->event, RETRY_FIRST_MS, RETRY_MAX_MS, on_time, recovery,
                        &recovery->backoff);
        if (r >= 0)
                r = wait_list_new(tenancy->event, PATIENCE_MS, &recovery->waiters);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(recovery);
        return 0;
}

/* What is under way is called off, but not a change that is on its way to the disk. */
static void cancel_walk(CrashRecovery *recovery)
{
        recovery->walk = vault_walk_free(recovery->walk);
        recovery->recovery = recovery_free(recovery->recovery);
        recovery->api = api_unref(recovery->api);
}

CrashRecovery *crash_recovery_free(CrashRecovery *recovery)
{
        if (!recovery)
                return NULL;
        cancel_walk(recovery);
        leftovers_clear(&recovery->leftovers);
        wait_list_free(recovery->waiters);
        backoff_free(recovery->backoff);
        free(recovery);
        return NULL;
}

/* An error that stays the same is recorded once. */
static void fail(CrashRecovery *recovery, int r, uint32_t retry_after_s)
{
        if (r != recovery->last_error)
                audit(EVENT_RECOVERY_FAILED, .tenancy = tenancy_label(recovery->tenancy),
                      .error = r);
        recovery->last_error = r;
        cancel_walk(recovery);
        backoff_retry(recovery->backoff, retry_after_s);
        wait_list_wake(recovery->waiters);
}

/* Claims and candidates */

static int add_claim(CrashRecovery *recovery, const ExchangeIntent *intent)
{
        RecoveryClock clock = {.api_ms = recovery->api ? api_clock_ms(recovery->api) : 0};

        host_time_now(&clock.host);
        return recovery_add_exchange(recovery->recovery, intent, &clock);
}

static int make_claims(CrashRecovery *recovery)
{
        int r = 0;

        recovery->recovery = calloc(1, sizeof(Recovery));
        if (!recovery->recovery)
                return -ENOMEM;
        for (size_t i = 0; r == 0 && i < recovery->leftovers.n; i++)
                r = add_claim(recovery, &recovery->leftovers.leftovers[i].intent);
        return r;
}

static int add_candidate(CrashRecovery *recovery, const Passkey *passkey)
{
        RecoveryCandidate candidate = {.created_at_ms = passkey->created_at_ms,
                                       .last_used_at_ms = passkey->last_used_at_ms};
        int r;

        if (recovery->recovery->n_candidates >= CANDIDATES_MAX)
                return 0;
        r = link_new(passkey->id, passkey->user_id, passkey->platform_name, realtime_ms(),
                     passkey->last_used_at_ms, &candidate.link);
        return r < 0 ? r : recovery_add_candidate(recovery->recovery, &candidate);
}

static int check_passkey(CrashRecovery *recovery, const Passkey *passkey)
{
        _cleanup_(link_freep) Link *link = NULL;
        int r;

        recovery->n_checked++;
        if (!passkey->user_id || !recovery_claims(recovery->recovery, passkey->user_id,
                                                  passkey->created_at_ms, passkey->last_used_at_ms))
                return 0;
        r = store_get_link(recovery->tenancy->store, recovery->tenancy->id, passkey->id, &link);
        return r == ERROR_NOT_FOUND ? add_candidate(recovery, passkey) : r;
}

/* The change */

static void succeed(CrashRecovery *recovery, const LinkList *added, size_t n_left)
{
        const char *label = tenancy_label(recovery->tenancy);

        for (size_t i = 0; i < added->n_links; i++)
                tenancy_tell_link_added(recovery->tenancy, added->links[i], &(AuditOrigin){});
        audit(EVENT_RECOVERY_DONE, .tenancy = label,
              .counts = {{FIELD_CHECKED, recovery->n_checked}, {FIELD_ADDED, added->n_links}});
        if (n_left > 0)
                audit(EVENT_RECOVERY_AMBIGUOUS, .tenancy = label,
                      .counts = {{FIELD_COUNT, n_left}});
        recovery->last_error = 0;
        cancel_walk(recovery);
        /* A repeat may have given back what it had taken over, and waits. */
        if (leftovers_count(&recovery->leftovers) > 0) {
                backoff_start(recovery->backoff);
                return;
        }
        backoff_stop(recovery->backoff);
        wait_list_wake(recovery->waiters);
}

static void on_recovered(int r, const Recovery *settled, const LinkList *added, size_t n_left,
                         void *userdata)
{
        CrashRecovery *recovery = userdata;
        Tenancy *tenancy = recovery->tenancy;

        recovery->committing = false;
        if (r == 0) {
                for (size_t i = 0; i < settled->n_claims; i++)
                        leftovers_remove(&recovery->leftovers, settled->claims[i].intent_id);
                succeed(recovery, added, n_left);
        } else {
                fail(recovery, r, 0);
        }
        tenancy_end_change(tenancy);
}

/* Repeats have come since the claims were made. */
static void drop_taken_over(CrashRecovery *recovery)
{
        RecoveryClaim *claims = recovery->recovery->claims;
        size_t n_kept = 0;

        for (size_t i = 0; i < recovery->recovery->n_claims; i++)
                if (leftovers_is_taken_over(&recovery->leftovers, claims[i].intent_id))
                        free(claims[i].user_id);
                else
                        claims[n_kept++] = claims[i];
        recovery->recovery->n_claims = n_kept;
}

static int commit(CrashRecovery *recovery)
{
        int r;

        recovery->walk = vault_walk_free(recovery->walk);
        drop_taken_over(recovery);
        r = store_recover(recovery->tenancy->store, recovery->tenancy->id,
                          TAKE_PTR(recovery->recovery), on_recovered, recovery, NULL);
        if (r < 0)
                return r;
        recovery->committing = true;
        tenancy_begin_change(recovery->tenancy);
        return 0;
}

/* Which passkeys are left to claim is known once all repeats have ended. */
static int commit_if_alone(CrashRecovery *recovery)
{
        bool alone = leftovers_count(&recovery->leftovers) == recovery->leftovers.n;

        return alone ? commit(recovery) : 0;
}

static bool awaits_repeats(const CrashRecovery *recovery)
{
        return recovery->walk && vault_walk_is_done(recovery->walk) &&
               !vault_walk_is_asking(recovery->walk);
}

/* The walk */

static void on_page(int r, uint32_t retry_after_s, const PasskeyList *passkeys, void *userdata)
{
        CrashRecovery *recovery = userdata;

        if (r == 0 && !recovery->recovery)
                r = make_claims(recovery);
        if (r == 0)
                tenancy_note_unreadable_rows(recovery->tenancy, passkeys->n_unreadable, NULL);
        for (size_t i = 0; r == 0 && i < passkeys->n_passkeys; i++)
                r = check_passkey(recovery, passkeys->passkeys[i]);
        if (r == 0)
                r = vault_walk_is_done(recovery->walk)
                            ? commit_if_alone(recovery)
                            : vault_walk_next(recovery->walk, on_page, recovery);
        if (r != 0)
                fail(recovery, r, retry_after_s);
}

static int walk(CrashRecovery *recovery)
{
        int r;

        recovery->n_checked = 0;
        recovery->api = api_ref(recovery->tenancy->api);
        r = vault_walk_new(recovery->api, &recovery->walk);
        return r < 0 ? r : vault_walk_next(recovery->walk, on_page, recovery);
}

/* Without a link to be made, there is nothing to look for. */
static bool needs_walk(const CrashRecovery *recovery)
{
        for (size_t i = 0; i < recovery->leftovers.n; i++)
                if (recovery->leftovers.leftovers[i].intent.wants_link)
                        return true;
        return false;
}

static int load(CrashRecovery *recovery)
{
        _cleanup_(exchange_intent_list_clear) ExchangeIntentList list = {};
        int r;

        r = store_list_exchanges(recovery->tenancy->store, recovery->tenancy->id, &list);
        for (size_t i = 0; r == 0 && i < list.n_intents; i++)
                r = leftovers_push(&recovery->leftovers, &list.intents[i]);
        if (r != 0) {
                leftovers_clear(&recovery->leftovers);
                return r;
        }
        recovery->loaded = true;
        if (recovery->leftovers.n > 0)
                audit(EVENT_RECOVERY_NEEDED, .tenancy = tenancy_label(recovery->tenancy),
                      .counts = {{FIELD_COUNT, recovery->leftovers.n}});
        return 0;
}

static bool is_under_way(const CrashRecovery *recovery)
{
        return recovery->walk || recovery->committing;
}

static int begin(CrashRecovery *recovery)
{
        int r;

        if (needs_walk(recovery))
                return walk(recovery);
        r = make_claims(recovery);
        return r < 0 ? r : commit(recovery);
}

static void on_time(void *userdata)
{
        CrashRecovery *recovery = userdata;
        int r;

        if (recovery->stopped || is_under_way(recovery))
                return;
        if (leftovers_count(&recovery->leftovers) == 0 || !tenancy_is_usable(recovery->tenancy)) {
                backoff_stop(recovery->backoff);
                return;
        }
        r = begin(recovery);
        if (r != 0)
                fail(recovery, r, 0);
}

void crash_recovery_start(CrashRecovery *recovery)
{
        recovery->stopped = false;
        if (!recovery->loaded)
                (void) load(recovery);
        if (!is_under_way(recovery))
                backoff_start(recovery->backoff);
}

int crash_recovery_find(const CrashRecovery *recovery, FindingList *list)
{
        char text[160];

        if (recovery->leftovers.n == 0)
                return 0;
        (void) snprintf(
                text, sizeof(text), "Interrupted exchanges that are not settled yet: %zu%s%s",
                recovery->leftovers.n, recovery->last_error ? "; the last attempt failed: " : "",
                recovery->last_error ? error_strerror(recovery->last_error) : "");
        return finding_add(list, .kind = "recovery", .tenancy = tenancy_label(recovery->tenancy),
                           .text = text);
}

void crash_recovery_api_is_back(CrashRecovery *recovery)
{
        if (recovery->last_error == ERROR_UNREACHABLE && backoff_is_waiting(recovery->backoff))
                backoff_start(recovery->backoff);
}

void crash_recovery_stop(CrashRecovery *recovery)
{
        recovery->stopped = true;
        if (!recovery->committing)
                cancel_walk(recovery);
        backoff_stop(recovery->backoff);
        wait_list_wake(recovery->waiters);
}

/* Repeats */

uint64_t crash_recovery_take_over(CrashRecovery *recovery,
                                  const uint8_t key[static IDEMPOTENCY_KEY_LEN],
                                  bool *ret_interrupted)
{
        Leftover *leftover = leftovers_find_repeat(&recovery->leftovers, key);

        if (!leftover)
                return 0;
        *ret_interrupted = true;
        /* It is too late: the intent may be gone before the repeat has asked the API. */
        if (recovery->committing || awaits_repeats(recovery))
                return 0;
        leftover->taken_over = true;
        return leftover->intent.id;
}

void crash_recovery_give_back(CrashRecovery *recovery, uint64_t intent_id, bool settled)
{
        Leftover *leftover = leftovers_find(&recovery->leftovers, intent_id);
        int r;

        if (!leftover)
                return;
        leftover->taken_over = false;
        if (settled)
                leftovers_remove(&recovery->leftovers, intent_id);
        if (awaits_repeats(recovery)) {
                r = commit_if_alone(recovery);
                if (r != 0)
                        fail(recovery, r, 0);
        } else if (!settled && !recovery->stopped && !is_under_way(recovery) &&
                   !backoff_is_waiting(recovery->backoff)) {
                backoff_start(recovery->backoff);
        }
}

int crash_recovery_wait(CrashRecovery *recovery, WaitFunc func, void *userdata)
{
        bool is_due = is_under_way(recovery) ||
                      (recovery->last_error == 0 && backoff_is_waiting(recovery->backoff));

        if (is_due)
                return wait_list_add(recovery->waiters, func, userdata);
        func(userdata);
        return 0;
}
