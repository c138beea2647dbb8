/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/clock.h"
#include "daemon/core/crash-recovery.h"
#include "daemon/core/exchange-internal.h"
#include "daemon/store/store.h"
#include "dbus/error.h"

/* How long an unsaved outcome is kept in memory for a retry. */
#define UNSAVED_TTL_MS STORE_IDEMPOTENCY_TTL_MS
#define UNSAVED_MAX    256U
/* Exchanges that have ended, but whose intents the store failed to remove. */
#define ENDED_MAX 4096U

/* Back-off of store retries. */
#define RETRY_FIRST_MS 1000U
#define RETRY_MAX_MS   60000U

ExchangeCaller *exchange_caller_free(ExchangeCaller *caller)
{
        free(caller->user_id);
        free(caller);
        return NULL;
}

void exchange_forget_code(Exchange *exchange)
{
        if (exchange->code)
                explicit_bzero(exchange->code, strlen(exchange->code));
        exchange->code = (free(exchange->code), NULL);
}

Exchange *exchange_free(Exchange *exchange)
{
        ExchangeCaller *caller;

        while ((caller = SLIST_FIRST(&exchange->callers))) {
                SLIST_REMOVE_HEAD(&exchange->callers, entry);
                exchange_caller_free(caller);
        }
        api_call_cancel(exchange->call);
        idempotency_record_clear(&exchange->answer);
        link_free(exchange->link);
        free(exchange->declined_id);
        exchange_forget_code(exchange);
        free(exchange->user_id);
        api_unref(exchange->api);
        tenancy_unref(exchange->tenancy);
        free(exchange);
        return NULL;
}

int exchange_check_user(const char *user_id, const IdempotencyRecord *answer)
{
        if (answer->error)
                return answer->error;
        if (user_id && !streq(user_id, answer->principal->user_id))
                return ERROR_USER_MISMATCH;
        return 0;
}

void exchanges_await(Exchanges *exchanges)
{
        Exchange *e;

        LIST_FOREACH(e, &exchanges->exchanges, entry)
                e->awaited = true;
}

bool exchanges_are_awaited(const Exchanges *exchanges)
{
        const Exchange *e;

        LIST_FOREACH(e, &exchanges->exchanges, entry)
                if (e->awaited && e->stage != EXCHANGE_UNSAVED &&
                    e->stage != EXCHANGE_AWAITING_HOST && e->stage != EXCHANGE_AWAITING_RECOVERY)
                        return true;
        return false;
}

/* Replies to all callers. */
static void exchange_answer(Exchange *exchange, int r)
{
        struct ExchangeCallers callers = TAKE(exchange->callers, (struct ExchangeCallers){});
        ExchangeCaller *first;

        while ((first = SLIST_FIRST(&callers))) {
                _cleanup_(exchange_caller_freep) ExchangeCaller *caller = first;
                int r_caller = r == 0 ? exchange_check_user(caller->user_id, &exchange->answer) : r;

                SLIST_REMOVE_HEAD(&callers, entry);
                caller->func(&(Result){.r = r_caller,
                                       .retry_after_s = exchange->retry_after_s,
                                       .answer = r_caller == 0 ? &exchange->answer : NULL},
                             caller->userdata);
        }
}

static void exchange_end(Exchange *exchange)
{
        _cleanup_(exchange_freep) Exchange *owned = exchange;

        /* Remove the exchange first: a callback may start a retry. */
        LIST_REMOVE(owned, entry);
        exchange_answer(owned, owned->result);
}

static void on_recovery_done(void *userdata)
{
        exchange_end(userdata);
}

/* A retry of an interrupted exchange gives crash recovery some time to restore the link. */
void exchange_finish_now(Exchange *exchange)
{
        exchange->stage = EXCHANGE_AWAITING_RECOVERY;
        crash_recovery_resume(exchange->tenancy->crash_recovery);
        if (exchange->result != ERROR_INTERRUPTED ||
            crash_recovery_wait(exchange->tenancy->crash_recovery, on_recovery_done, exchange) < 0)
                exchange_end(exchange);
}

void exchange_finish(Exchange *exchange)
{
        if (!exchange_await_host(exchange))
                exchange_finish_now(exchange);
}

/* Saving */

static void exchange_saved(int r, bool newly_linked, void *userdata);

int exchange_save(Exchange *exchange)
{
        /* No idempotency record without an intent: the disk is full. */
        bool has_answer = exchange->has_key && exchange->result == 0 && exchange->intent_id > 0;
        const ExchangeOutcome outcome = {
                .intent_id = exchange->intent_id,
                .link = exchange->link,
                .declined_id = exchange->declined_id,
                .key = has_answer ? exchange->key : NULL,
                .answer = &exchange->answer,
        };
        int r;

        r = store_commit_exchange(exchange->exchanges->tenancy->store,
                                  exchange->exchanges->tenancy->id, &outcome, exchange_saved,
                                  exchange, NULL);
        if (r == 0)
                exchange->stage = EXCHANGE_SAVING;
        return r;
}

/* Without a link, record the decision not to link the passkey. */
static void exchange_decline_link(Exchange *exchange)
{
        if (!exchange->link)
                return;
        exchange->declined_id = TAKE_PTR(exchange->link->authenticator_id);
        exchange->link = link_free(exchange->link);
}

static size_t count_stage(const Exchanges *exchanges, ExchangeStage stage)
{
        const Exchange *e;
        size_t n = 0;

        LIST_FOREACH(e, &exchanges->exchanges, entry)
                n += e->stage == stage;
        return n;
}

/* The oldest exchange in a stage, or NULL. */
static Exchange *find_stage(const Exchanges *exchanges, ExchangeStage stage)
{
        Exchange *e, *found = NULL;

        LIST_FOREACH(e, &exchanges->exchanges, entry)
                if (e->stage == stage)
                        found = e;
        return found;
}

static void exchange_drop(Exchange *exchange)
{
        LIST_REMOVE(exchange, entry);
        exchange_free(exchange);
}

/* Drops an exchange whose decision cannot be stored. */
static void exchange_drop_undecided(Exchange *exchange)
{
        if (exchange->declined_id)
                crash_recovery_note_lost_decision(exchange->exchanges->tenancy->crash_recovery);
        exchange_drop(exchange);
}

/* Keeps only the intent to remove, which is retried until the store succeeds. */
static void exchange_keep_ended(Exchange *exchange)
{
        Exchanges *exchanges = exchange->exchanges;

        exchange_decline_link(exchange);
        idempotency_record_clear(&exchange->answer);
        exchange->has_key = false;
        exchange->stage = EXCHANGE_ENDED;
        exchanges->decision_lost_at_ms = boottime_ms();
        if (exchange->intent_id == 0) /* a tombstone would need more disk space */
                exchange_drop_undecided(exchange);
        else if (count_stage(exchanges, EXCHANGE_ENDED) > ENDED_MAX)
                exchange_drop_undecided(find_stage(exchanges, EXCHANGE_ENDED));
}

static void exchange_keep_unsaved(Exchange *exchange)
{
        Exchanges *exchanges = exchange->exchanges;

        exchange->unsaved_at_ms = monotonic_ms();
        if (count_stage(exchanges, EXCHANGE_UNSAVED) > UNSAVED_MAX)
                exchange_keep_ended(find_stage(exchanges, EXCHANGE_UNSAVED));
}

/* The store failed after the code was used up. Keeps the outcome if a retry can ask for it. A
 * caller that wants no link gets its answer nevertheless. */
void exchange_fail_to_save(Exchange *exchange, int r)
{
        _cleanup_(tenancy_unrefp) Tenancy *tenancy = TAKE_PTR(exchange->tenancy);
        int result = exchange->result ?: exchange->wants_link ? r : 0;
        bool may_be_repeated = exchange->link && exchange->has_key;

        /* Set the stage before the reply: a callback may start a retry. */
        exchange->stage = may_be_repeated ? EXCHANGE_UNSAVED : EXCHANGE_ENDED;
        exchange->has_key = may_be_repeated;
        exchange_answer(exchange, result);
        if (!may_be_repeated)
                exchange_keep_ended(exchange);
        else if (exchange->stage == EXCHANGE_UNSAVED)
                exchange_keep_unsaved(exchange);
        if (!backoff_is_waiting(tenancy->exchanges->retry))
                backoff_retry(tenancy->exchanges->retry, 0);
        crash_recovery_resume(tenancy->crash_recovery);
}

static void exchange_saved(int r, bool newly_linked, void *userdata)
{
        Exchange *exchange = userdata;

        if (r != 0 && r != ERROR_LINK_CONFLICT && r != ERROR_LIMITS_EXCEEDED) {
                exchange_fail_to_save(exchange, r);
                return;
        }
        if (r == 0) {
                exchange->answer.linked = exchange->link;
                exchange->answer.newly_linked = newly_linked;
        }
        if (newly_linked)
                tenancy_notify_link_added(exchange->tenancy, exchange->link, &exchange->origin);
        exchange->result = exchange->result ?: r ?: exchange->answer.error;
        exchange_finish(exchange);
}

/* A retry of the save has ended, for an exchange without callers. */
static void ended_saved(int r, bool newly_linked _unused_, void *userdata)
{
        Exchange *exchange = userdata;
        Exchanges *exchanges = exchange->exchanges;
        Tenancy *tenancy = exchanges->tenancy;

        if (r == 0) {
                exchange_drop(exchange);
                backoff_start(exchanges->retry);
                crash_recovery_resume(tenancy->crash_recovery);
        } else {
                exchange->stage = EXCHANGE_ENDED;
                backoff_retry(exchanges->retry, 0);
        }
        tenancy_end_change(tenancy);
}

static void exchange_save_ended(Exchange *exchange)
{
        Exchanges *exchanges = exchange->exchanges;
        const ExchangeOutcome outcome = {.intent_id = exchange->intent_id,
                                         .declined_id = exchange->declined_id};

        if (store_commit_exchange(exchanges->tenancy->store, exchanges->tenancy->id, &outcome,
                                  ended_saved, exchange, NULL) < 0) {
                backoff_retry(exchanges->retry, 0);
                return;
        }
        exchange->stage = EXCHANGE_SAVING;
        tenancy_begin_change(exchanges->tenancy);
}

void exchanges_expire_unsaved(Exchanges *exchanges)
{
        uint64_t now_ms = monotonic_ms();
        Exchange *exchange;

        while ((exchange = find_stage(exchanges, EXCHANGE_UNSAVED)) &&
               now_ms - exchange->unsaved_at_ms >= UNSAVED_TTL_MS)
                exchange_keep_ended(exchange);
}

static void on_retry(void *userdata)
{
        Exchanges *exchanges = userdata;
        Exchange *ended;

        exchanges_expire_unsaved(exchanges);
        ended = find_stage(exchanges, EXCHANGE_ENDED);
        if (ended)
                exchange_save_ended(ended);
        else if (find_stage(exchanges, EXCHANGE_UNSAVED))
                backoff_retry(exchanges->retry, 0);
        else
                backoff_stop(exchanges->retry);
}

static void exchanges_free(Exchanges *exchanges)
{
        if (!exchanges)
                return;
        while (!LIST_EMPTY(&exchanges->exchanges))
                exchange_drop(LIST_FIRST(&exchanges->exchanges));
        backoff_free(exchanges->retry);
        sd_event_source_disable_unref(exchanges->poll);
        free(exchanges);
}
DEFINE_CLEANUP(Exchanges *, exchanges_free);

static int attach(Tenancy *tenancy)
{
        _cleanup_(exchanges_freep) Exchanges *exchanges = calloc(1, sizeof(Exchanges));
        int r;

        if (!exchanges)
                return -ENOMEM;
        exchanges->tenancy = tenancy;
        r = backoff_new(tenancy->event, RETRY_FIRST_MS, RETRY_MAX_MS, on_retry, exchanges,
                        &exchanges->retry);
        if (r < 0)
                return r;
        tenancy->exchanges = TAKE_PTR(exchanges);
        return 0;
}

static void detach(Tenancy *tenancy)
{
        exchanges_free(tenancy->exchanges);
}

const TenancyPart exchanges_part = {.attach = attach, .detach = detach};
