/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/clock.h"
#include "daemon/backoff/backoff.h"
#include "daemon/core/answer-key.h"
#include "daemon/core/crash-recovery.h"
#include "daemon/core/exchange.h"
#include "daemon/core/tenancy-internal.h"
#include "daemon/store/store.h"
#include "dbus/error.h"

/* How long an outcome that could not be saved waits in memory for a repeat. */
#define UNSAVED_TTL_MS STORE_ANSWER_TTL_MS
#define UNSAVED_MAX    256U
/* Exchanges that have ended and whose intents are still on disk, since the store fails. */
#define ENDED_MAX 4096U

/* When the store is tried again. */
#define RETRY_FIRST_MS 1000U
#define RETRY_MAX_MS   60000U

/* A code lives five minutes: a passkey was used that much before its exchange at most. The rest is
 * for the time that calls take and for clocks that differ in their seconds. */
#define WINDOW_MS (7U * 60U * 1000U)

typedef struct Waiter {
        struct Waiter *next;
        char *user_id; /* the only acceptable one, or NULL */
        ExchangeFunc func;
        void *userdata;
} Waiter;

typedef enum ExchangeStage {
        EXCHANGE_BEGINNING, /* the intent is on its way to the disk */
        EXCHANGE_ASKING,    /* the API has been asked */
        EXCHANGE_SAVING,    /* the outcome is on its way to the disk */
        EXCHANGE_SETTLING,  /* crash recovery may be about to make the link */
        EXCHANGE_UNSAVED,   /* the store failed; a repeat saves the outcome */
        EXCHANGE_ENDED,     /* the store failed; only the intent is left to be removed */
} ExchangeStage;

typedef struct Exchange {
        struct Exchange *next;
        Exchanges *exchanges;
        ExchangeStage stage;
        Tenancy *tenancy; /* held while under way; otherwise the tenancy holds the exchange */
        Api *api;
        char *code; /* wiped once it has been sent */
        char *user_id;
        bool wants_link;
        Cause cause;
        bool has_key; /* there is a request id, and `key` is what a repeat is found by */
        uint8_t key[ANSWER_KEY_LEN];
        uint64_t intent_id; /* 0: none on disk */
        bool interrupted;   /* an earlier process began this very exchange */
        bool taken_over;    /* and the intent is that one's */
        ApiCall *call;
        int result; /* what callers are told; the answer says more if it is 0 */
        uint32_t retry_after_s;
        Answer answer;
        Link *link;             /* to be made */
        char *declined_id;      /* not to be linked */
        uint64_t unsaved_at_ms; /* monotonic */
        Waiter *waiters;
} Exchange;

/* Those of a tenancy. */
struct Exchanges {
        Tenancy *tenancy;
        Exchange *first; /* the newest */
        Backoff *retry;
        uint64_t decision_lost_at_ms; /* boottime: crash recovery may not know why a passkey used
                                         before is not linked; 0: never */
};

static Waiter *waiter_free(Waiter *waiter)
{
        free(waiter->user_id);
        free(waiter);
        return NULL;
}
DEFINE_CLEANUP(Waiter *, waiter_free);

static void exchange_remove(Exchange *exchange)
{
        for (Exchange **e = &exchange->exchanges->first; *e; e = &(*e)->next)
                if (*e == exchange) {
                        *e = exchange->next;
                        return;
                }
}

static void exchange_forget_code(Exchange *exchange)
{
        if (exchange->code)
                explicit_bzero(exchange->code, strlen(exchange->code));
        exchange->code = (free(exchange->code), NULL);
}

static Exchange *exchange_free(Exchange *exchange)
{
        while (exchange->waiters) {
                Waiter *waiter = exchange->waiters;

                exchange->waiters = waiter->next;
                waiter_free(waiter);
        }
        api_call_cancel(exchange->call);
        answer_clear(&exchange->answer);
        link_free(exchange->link);
        free(exchange->declined_id);
        exchange_forget_code(exchange);
        free(exchange->user_id);
        api_unref(exchange->api);
        tenancy_unref(exchange->tenancy);
        free(exchange);
        return NULL;
}
DEFINE_CLEANUP(Exchange *, exchange_free);

/* A repeat that names another user than the first did must not be told of that one. */
static int acceptable_to(const char *user_id, const Answer *answer)
{
        if (answer->error)
                return answer->error;
        if (user_id && !streq(user_id, answer->principal->user_id))
                return ERROR_USER_MISMATCH;
        return 0;
}

/* Calls everybody who waits. */
static void exchange_answer(Exchange *exchange, int r)
{
        Waiter *waiters = TAKE_PTR(exchange->waiters);

        while (waiters) {
                _cleanup_(waiter_freep) Waiter *waiter = waiters;
                int r_waiter = r == 0 ? acceptable_to(waiter->user_id, &exchange->answer) : r;

                waiters = waiter->next;
                waiter->func(r_waiter, exchange->retry_after_s,
                             r_waiter == 0 ? &exchange->answer : NULL, waiter->userdata);
        }
}

static void exchange_end(Exchange *exchange)
{
        _cleanup_(exchange_freep) Exchange *owned = exchange;

        /* First out of the list: a caller that repeats from within its function begins anew. */
        exchange_remove(owned);
        exchange_answer(owned, owned->result);
}

static void exchange_settled(void *userdata)
{
        exchange_end(userdata);
}

/* If the code was used up before this process began, crash recovery has made the link, or is about
 * to. */
static void exchange_conclude(Exchange *exchange)
{
        exchange->stage = EXCHANGE_SETTLING;
        if (exchange->result != ERROR_INTERRUPTED ||
            crash_recovery_wait(exchange->tenancy->crash_recovery, exchange_settled, exchange) < 0)
                exchange_end(exchange);
}

/* Saving */

static void exchange_saved(int r, bool newly_linked, void *userdata);

static int exchange_save(Exchange *exchange)
{
        const ExchangeOutcome outcome = {
                .intent_id = exchange->intent_id,
                .link = exchange->link,
                .declined_id = exchange->declined_id,
                .key = exchange->has_key && exchange->result == 0 ? exchange->key : NULL,
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

/* The exchange is over for its callers, and has come to no link. */
static void exchange_give_up_link(Exchange *exchange)
{
        if (!exchange->link)
                return;
        exchange->declined_id = TAKE_PTR(exchange->link->authenticator_id);
        exchange->link = link_free(exchange->link);
}

static size_t count_stage(const Exchanges *exchanges, ExchangeStage stage)
{
        size_t n = 0;

        for (const Exchange *e = exchanges->first; e; e = e->next)
                n += e->stage == stage;
        return n;
}

/* The oldest that is in a stage. */
static Exchange *find_stage(const Exchanges *exchanges, ExchangeStage stage)
{
        Exchange *found = NULL;

        for (Exchange *e = exchanges->first; e; e = e->next)
                if (e->stage == stage)
                        found = e;
        return found;
}

static void exchange_drop(Exchange *exchange)
{
        exchange_remove(exchange);
        exchange_free(exchange);
}

/* What is left is to remove the intent; that is tried again until the store can do it. */
static void exchange_keep_ended(Exchange *exchange)
{
        Exchanges *exchanges = exchange->exchanges;

        exchange_give_up_link(exchange);
        answer_clear(&exchange->answer);
        exchange->has_key = false;
        exchange->stage = EXCHANGE_ENDED;
        exchanges->decision_lost_at_ms = boottime_ms();
        if (exchange->intent_id == 0) /* the decision would fill the disk further */
                exchange_drop(exchange);
        else if (count_stage(exchanges, EXCHANGE_ENDED) > ENDED_MAX)
                exchange_drop(find_stage(exchanges, EXCHANGE_ENDED));
}

static void exchange_keep_unsaved(Exchange *exchange)
{
        Exchanges *exchanges = exchange->exchanges;

        exchange->unsaved_at_ms = monotonic_ms();
        if (count_stage(exchanges, EXCHANGE_UNSAVED) > UNSAVED_MAX)
                exchange_keep_ended(find_stage(exchanges, EXCHANGE_UNSAVED));
}

/* The store failed. The code is used up, so the outcome is kept where there can be a repeat. A
 * caller that wants no link has its answer all the same. */
static void exchange_fail_to_save(Exchange *exchange, int r)
{
        _cleanup_(tenancy_unrefp) Tenancy *tenancy = TAKE_PTR(exchange->tenancy);
        int result = exchange->result ?: exchange->wants_link ? r : 0;
        bool may_be_repeated = exchange->link && exchange->has_key;

        /* First: a caller may repeat from within its function. */
        exchange->stage = may_be_repeated ? EXCHANGE_UNSAVED : EXCHANGE_ENDED;
        exchange->has_key = may_be_repeated;
        exchange_answer(exchange, result);
        if (!may_be_repeated)
                exchange_keep_ended(exchange);
        else if (exchange->stage == EXCHANGE_UNSAVED)
                exchange_keep_unsaved(exchange);
        if (!backoff_is_waiting(tenancy->exchanges->retry))
                backoff_retry(tenancy->exchanges->retry, 0);
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
                tenancy_tell_link_added(exchange->tenancy, exchange->link, &exchange->cause);
        if (exchange->taken_over)
                crash_recovery_give_back(exchange->tenancy->crash_recovery, exchange->intent_id,
                                         true);
        exchange->result = exchange->result ?: r ?: exchange->answer.error;
        exchange_conclude(exchange);
}

/* One that has failed before, with nobody waiting. */
static void ended_saved(int r, bool newly_linked _unused_, void *userdata)
{
        Exchange *exchange = userdata;
        Exchanges *exchanges = exchange->exchanges;
        Tenancy *tenancy = exchanges->tenancy;

        if (r == 0) {
                if (exchange->taken_over)
                        crash_recovery_give_back(tenancy->crash_recovery, exchange->intent_id,
                                                 true);
                exchange_drop(exchange);
                backoff_start(exchanges->retry);
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

/* Nobody repeats any more. */
static void expire_unsaved(Exchanges *exchanges)
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

        expire_unsaved(exchanges);
        ended = find_stage(exchanges, EXCHANGE_ENDED);
        if (ended)
                exchange_save_ended(ended);
        else if (find_stage(exchanges, EXCHANGE_UNSAVED))
                backoff_retry(exchanges->retry, 0);
        else
                backoff_stop(exchanges->retry);
}

int exchanges_new(Tenancy *tenancy, Exchanges **ret)
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
        *ret = TAKE_PTR(exchanges);
        return 0;
}

Exchanges *exchanges_free(Exchanges *exchanges)
{
        if (!exchanges)
                return NULL;
        while (exchanges->first)
                exchange_drop(exchanges->first);
        backoff_free(exchanges->retry);
        free(exchanges);
        return NULL;
}

/* Asking the API */

/* Turns the principal into an answer, and into a link or the decision against one. */
static int exchange_judge(Exchange *exchange, const Principal *principal)
{
        bool mismatch = exchange->user_id && !streq(exchange->user_id, principal->user_id);

        if (!exchange->wants_link || mismatch) {
                exchange->declined_id = strdup(principal->authenticator_id);
                if (!exchange->declined_id)
                        return -ENOMEM;
        } else if (link_new(principal->authenticator_id, principal->user_id,
                            principal->platform_name, realtime_ms(), 0, &exchange->link) < 0) {
                return -ENOMEM;
        }
        if (mismatch) {
                exchange->answer.error = ERROR_USER_MISMATCH;
                return 0;
        }
        return principal_copy(principal, &exchange->answer.principal);
}

/* Without a principal. The intent of an interrupted exchange stays with crash recovery. */
static void exchange_fail(Exchange *exchange, int r)
{
        exchange->result = r == ERROR_INVALID_CODE && exchange->interrupted ? ERROR_INTERRUPTED : r;
        if (exchange->taken_over) {
                crash_recovery_give_back(exchange->tenancy->crash_recovery, exchange->intent_id,
                                         false);
                exchange->taken_over = false;
                exchange->intent_id = 0;
        }
        if (exchange->intent_id == 0)
                exchange_conclude(exchange);
        else if ((r = exchange_save(exchange)) < 0)
                exchange_fail_to_save(exchange, r);
}

static void exchange_asked(int r, uint32_t retry_after_s, const Principal *principal,
                           void *userdata)
{
        Exchange *exchange = userdata;

        exchange->call = NULL;
        exchange->retry_after_s = retry_after_s;
        tenancy_note_api_result(exchange->tenancy, exchange->api, r);
        if (r == 0)
                r = exchange_judge(exchange, principal);
        if (r != 0) {
                exchange_fail(exchange, r);
                return;
        }
        r = exchange_save(exchange);
        if (r < 0)
                exchange_fail_to_save(exchange, r);
}

static int exchange_ask(Exchange *exchange)
{
        int r;

        r = api_exchange_code(exchange->api, exchange->code, exchange_asked, exchange,
                              &exchange->call);
        exchange_forget_code(exchange);
        if (r == 0)
                exchange->stage = EXCHANGE_ASKING;
        return r;
}

/* Beginning */

static void exchange_begun(int r, uint64_t intent_id, void *userdata)
{
        Exchange *exchange = userdata;

        exchange->intent_id = r == 0 ? intent_id : 0;
        /* Without a link, nothing is lost but the answer to a repeat after a crash. */
        if (r > 0 && !exchange->wants_link)
                r = 0;
        if (r == 0)
                r = exchange_ask(exchange);
        if (r != 0)
                exchange_fail(exchange, r);
}

static uint64_t window_ms(const Exchanges *exchanges)
{
        uint64_t since_lost_ms;

        if (exchanges->decision_lost_at_ms == 0)
                return WINDOW_MS;
        since_lost_ms = boottime_ms() - exchanges->decision_lost_at_ms;
        return since_lost_ms < WINDOW_MS ? since_lost_ms : WINDOW_MS;
}

/* An exchange that a crash can make no difference to needs no intent. */
static int exchange_begin(Exchange *exchange)
{
        ExchangeIntent intent = {.user_id = exchange->user_id, /* lent */
                                 .wants_link = exchange->wants_link,
                                 .has_key = exchange->has_key,
                                 .begun_at_api_ms = api_clock_ms(exchange->api),
                                 .window_ms = window_ms(exchange->exchanges)};

        if (exchange->taken_over || (!exchange->wants_link && !exchange->has_key))
                return exchange_ask(exchange);
        host_time_now(&intent.begun_at);
        if (exchange->has_key)
                memcpy(intent.key, exchange->key, ANSWER_KEY_LEN);
        return store_begin_exchange(exchange->tenancy->store, exchange->tenancy->id, &intent,
                                    exchange_begun, exchange, NULL);
}

static int waiter_new(const char *user_id, ExchangeFunc func, void *userdata, Waiter **ret)
{
        _cleanup_(waiter_freep) Waiter *waiter = calloc(1, sizeof(Waiter));

        if (!waiter)
                return -ENOMEM;
        waiter->user_id = user_id ? strdup(user_id) : NULL;
        if (user_id && !waiter->user_id)
                return -ENOMEM;
        waiter->func = func;
        waiter->userdata = userdata;

        *ret = TAKE_PTR(waiter);
        return 0;
}

static void exchange_add_waiter(Exchange *exchange, Waiter *waiter)
{
        waiter->next = exchange->waiters;
        exchange->waiters = waiter;
}

static Exchange *find_exchange(const Exchanges *exchanges, const uint8_t *key)
{
        for (Exchange *e = exchanges->first; e; e = e->next)
                if (e->has_key && memcmp(e->key, key, ANSWER_KEY_LEN) == 0)
                        return e;
        return NULL;
}

/* A repeat while the first is under way, or after the store failed it. Takes the waiter over. */
static int exchange_join(Exchange *exchange, Waiter *waiter)
{
        _cleanup_(waiter_freep) Waiter *owned = waiter;

        if (exchange->stage == EXCHANGE_UNSAVED) {
                int r = exchange_save(exchange);

                if (r != 0)
                        return r;
                exchange->tenancy = tenancy_ref(exchange->exchanges->tenancy);
        }
        exchange_add_waiter(exchange, TAKE_PTR(owned));
        return 0;
}

static int exchange_new(Tenancy *tenancy, const ExchangeRequest *request, const uint8_t *key,
                        Exchange **ret)
{
        _cleanup_(exchange_freep) Exchange *exchange = calloc(1, sizeof(Exchange));

        if (!exchange)
                return -ENOMEM;
        exchange->exchanges = tenancy->exchanges;
        exchange->tenancy = tenancy_ref(tenancy);
        exchange->api = api_ref(tenancy->api);
        exchange->user_id = request->user_id ? strdup(request->user_id) : NULL;
        exchange->code = strdup(request->code);
        exchange->wants_link = request->link;
        exchange->cause = request->cause;
        if (key) {
                exchange->has_key = true;
                memcpy(exchange->key, key, ANSWER_KEY_LEN);
                exchange->intent_id = crash_recovery_take_over(tenancy->crash_recovery, key,
                                                               &exchange->interrupted);
                exchange->taken_over = exchange->intent_id > 0;
        }
        if (!exchange->code || (request->user_id && !exchange->user_id))
                return -ENOMEM;

        *ret = TAKE_PTR(exchange);
        return 0;
}

/* Takes the waiter over. */
static int exchange_add(Tenancy *tenancy, const ExchangeRequest *request, const uint8_t *key,
                        bool interrupted, Waiter *waiter)
{
        _cleanup_(waiter_freep) Waiter *owned = waiter;
        _cleanup_(exchange_freep) Exchange *exchange = NULL;
        int r;

        r = exchange_new(tenancy, request, key, &exchange);
        if (r < 0)
                return r;
        exchange->interrupted |= interrupted;
        exchange_add_waiter(exchange, TAKE_PTR(owned));
        r = exchange_begin(exchange);
        if (r != 0 && exchange->taken_over)
                crash_recovery_give_back(tenancy->crash_recovery, exchange->intent_id, false);
        if (r != 0)
                return r;

        exchange->next = tenancy->exchanges->first;
        tenancy->exchanges->first = TAKE_PTR(exchange);
        return 0;
}

/* Returns EXCHANGE_ANSWERED, 0 if there is no answer, STORE_FAILED or a negative errno. */
static int find_answer(Tenancy *tenancy, const ExchangeRequest *request, const uint8_t *key,
                       bool *ret_interrupted, Answer *ret)
{
        _cleanup_(answer_clear) Answer answer = {};
        int r;

        r = store_get_answer(tenancy->store, key, &answer);
        /* Without a link, an exchange needs no store. */
        if (r == ERROR_NOT_FOUND || (r > 0 && !request->link))
                return 0;
        if (r != 0)
                return r;
        /* The API may never have seen the code: only if it refuses it, the exchange is lost. */
        *ret_interrupted = answer.error == ERROR_INTERRUPTED;
        if (*ret_interrupted)
                return 0;
        answer.error = acceptable_to(request->user_id, &answer);
        *ret = TAKE(answer, (Answer){});
        return EXCHANGE_ANSWERED;
}

int exchange_start(Tenancy *tenancy, const ExchangeRequest *request, ExchangeFunc func,
                   void *userdata, Answer *ret_answer)
{
        _cleanup_(waiter_freep) Waiter *waiter = NULL;
        uint8_t key[ANSWER_KEY_LEN];
        Exchange *first = NULL;
        bool interrupted = false;
        int r;

        expire_unsaved(tenancy->exchanges);
        if (request->request_id) {
                r = answer_key(tenancy->id, request, key);
                if (r == 0)
                        r = find_answer(tenancy, request, key, &interrupted, ret_answer);
                if (r != 0)
                        return r;
                first = find_exchange(tenancy->exchanges, key);
        }
        r = waiter_new(request->user_id, func, userdata, &waiter);
        if (r < 0)
                return r;
        if (first)
                return exchange_join(first, TAKE_PTR(waiter));
        if (!tenancy_is_usable(tenancy))
                return ERROR_NOT_CONFIGURED;
        /* In a URL these would name another resource, and no code is one of them. */
        if (streq(request->code, ".") || streq(request->code, ".."))
                return ERROR_INVALID_CODE;
        return exchange_add(tenancy, request, request->request_id ? key : NULL, interrupted,
                            TAKE_PTR(waiter));
}
