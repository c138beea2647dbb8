/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/clock.h"
#include "daemon/api/api-url.h"
#include "daemon/core/crash-recovery.h"
#include "daemon/core/exchange-internal.h"
#include "daemon/core/idempotency-key.h"
#include "daemon/store/store.h"
#include "dbus/error.h"

/* The passkey was used at most five minutes before the exchange, the lifetime of a code. Two more
 * minutes are for slow calls and clock skew. */
#define WINDOW_MS (7U * 60U * 1000U)

/* The API call */

/* Stores the principal in the answer, and decides whether to link its passkey. */
static int exchange_use_principal(Exchange *exchange, const Principal *principal)
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

/* Returns an intent that was taken over to crash recovery. */
static void exchange_give_back(Exchange *exchange, bool resolved)
{
        if (!exchange->taken_over)
                return;
        exchange->taken_over = false;
        crash_recovery_give_back(exchange->tenancy->crash_recovery, exchange->intent_id, resolved);
        if (!resolved)
                exchange->intent_id = 0;
}

/* Does not report INVALID_CODE if an earlier process may have used the code. */
static int exchange_map_error(const Exchange *exchange, int r)
{
        if (r != ERROR_INVALID_CODE)
                return r;
        if (exchange->interrupted)
                return ERROR_INTERRUPTED;
        return exchange->prior_unknown ? ERROR_STORE_FAILED : r;
}

/* Whether the API may have used the code for a passkey that must not be linked, and whose id is
 * unknown. */
static bool exchange_may_have_declined(const Exchange *exchange, int r)
{
        return (r < 0 || r == ERROR_UNREACHABLE || r == ERROR_MALFORMED_REPLY) &&
               (exchange->user_id || !exchange->wants_link);
}

/* Ends an exchange for which the API returned no principal. */
static void exchange_fail(Exchange *exchange, int r)
{
        exchange->result = exchange_map_error(exchange, r);
        if (exchange->awaited && exchange_may_have_declined(exchange, r))
                crash_recovery_note_lost_decision(exchange->tenancy->crash_recovery);
        exchange_give_back(exchange, false);
        if (exchange->intent_id == 0)
                exchange_finish(exchange);
        else if ((r = exchange_save(exchange)) < 0)
                exchange_fail_to_save(exchange, r);
}

static void on_principal(const Result *result, void *userdata)
{
        Exchange *exchange = userdata;
        int r = result->r;

        exchange->call = NULL;
        exchange->retry_after_s = result->retry_after_s;
        if (r == 0)
                r = exchange_use_principal(exchange, result->principal);
        if (r != 0) {
                exchange_fail(exchange, r);
                return;
        }
        r = exchange_save(exchange);
        /* Must come after the save: crash recovery may continue at once, and must see the
         * outcome. */
        exchange_give_back(exchange, true);
        if (r < 0)
                exchange_fail_to_save(exchange, r);
}

static int exchange_call_api(Exchange *exchange)
{
        int r;

        r = api_exchange_code(exchange->api, exchange->code, on_principal, exchange,
                              &exchange->call);
        exchange_forget_code(exchange);
        /* Release the API key, which may be removed before the exchange ends. */
        exchange->api = api_unref(exchange->api);
        if (r == 0)
                exchange->stage = EXCHANGE_CALLING_API;
        return r;
}

/* Beginning */

static void on_intent_committed(int r, uint64_t intent_id, void *userdata)
{
        Exchange *exchange = userdata;

        exchange->intent_id = r == 0 ? intent_id : 0;
        /* Without a link, the only loss is the answer to a retry after a crash. */
        if (r > 0 && !exchange->wants_link)
                r = 0;
        if (r == 0)
                r = exchange_call_api(exchange);
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

/* Borrows the strings of the exchange. */
static ExchangeIntent exchange_intent(const Exchange *exchange)
{
        ExchangeIntent intent = {.user_id = exchange->user_id,
                                 .endpoint = (char *) api_endpoint(exchange->api),
                                 .wants_link = exchange->wants_link,
                                 .has_key = exchange->has_key};

        if (exchange->has_key)
                memcpy(intent.key, exchange->key, IDEMPOTENCY_KEY_LEN);
        return intent;
}

/* Without a link and a request id, there is nothing to recover after a crash. */
static int exchange_begin(Exchange *exchange)
{
        ExchangeIntent intent = exchange_intent(exchange);
        uint64_t begun_at_api_min_ms;

        if (exchange->taken_over || (!exchange->wants_link && !exchange->has_key))
                return exchange_call_api(exchange);
        api_clock_range_ms(exchange->api, &begun_at_api_min_ms, &intent.begun_at_api_ms);
        intent.window_ms =
                window_ms(exchange->exchanges) + (intent.begun_at_api_ms - begun_at_api_min_ms);
        host_time_now(&intent.begun_at);
        return store_begin_exchange(exchange->tenancy->store, exchange->tenancy->id, &intent,
                                    on_intent_committed, exchange, NULL);
}

static int exchange_caller_new(const char *user_id, ResultFunc func, void *userdata,
                               ExchangeCaller **ret)
{
        _cleanup_(exchange_caller_freep) ExchangeCaller *caller = calloc(1, sizeof(ExchangeCaller));

        if (!caller)
                return -ENOMEM;
        caller->user_id = user_id ? strdup(user_id) : NULL;
        if (user_id && !caller->user_id)
                return -ENOMEM;
        caller->func = func;
        caller->userdata = userdata;

        *ret = TAKE_PTR(caller);
        return 0;
}

static void exchange_add_caller(Exchange *exchange, ExchangeCaller *caller)
{
        SLIST_INSERT_HEAD(&exchange->callers, caller, entry);
}

static Exchange *find_exchange(const Exchanges *exchanges, const uint8_t *key)
{
        Exchange *e;

        LIST_FOREACH(e, &exchanges->exchanges, entry)
                if (e->has_key && memcmp(e->key, key, IDEMPOTENCY_KEY_LEN) == 0)
                        return e;
        return NULL;
}

/* Adds a retry to an exchange that is in flight or unsaved. Takes ownership of the caller. */
static int exchange_join(Exchange *exchange, ExchangeCaller *caller)
{
        _cleanup_(exchange_caller_freep) ExchangeCaller *owned = caller;

        if (exchange->stage == EXCHANGE_UNSAVED) {
                int r = exchange_save(exchange);

                if (r != 0)
                        return r;
                exchange->tenancy = tenancy_ref(exchange->exchanges->tenancy);
        }
        exchange_add_caller(exchange, TAKE_PTR(owned));
        return 0;
}

static void exchange_take_over(Exchange *exchange)
{
        ExchangeIntent intent = exchange_intent(exchange);

        exchange->intent_id = crash_recovery_take_over(exchange->tenancy->crash_recovery, &intent,
                                                       &exchange->interrupted);
        exchange->taken_over = exchange->intent_id > 0;
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
        exchange->origin = request->origin;
        if (!exchange->code || (request->user_id && !exchange->user_id))
                return -ENOMEM;
        if (key) {
                exchange->has_key = true;
                memcpy(exchange->key, key, IDEMPOTENCY_KEY_LEN);
                exchange_take_over(exchange);
        }

        *ret = TAKE_PTR(exchange);
        return 0;
}

/* The state of an earlier exchange with the same idempotency key. */
typedef enum PriorAttempt {
        PRIOR_NONE,
        PRIOR_INTERRUPTED, /* by an earlier process */
        PRIOR_UNKNOWN,     /* the store failed */
} PriorAttempt;

/* Takes ownership of the caller. */
static int exchange_add(Tenancy *tenancy, const ExchangeRequest *request, const uint8_t *key,
                        PriorAttempt prior, ExchangeCaller *caller)
{
        _cleanup_(exchange_caller_freep) ExchangeCaller *owned = caller;
        _cleanup_(exchange_freep) Exchange *exchange = NULL;
        int r;

        r = exchange_new(tenancy, request, key, &exchange);
        if (r < 0)
                return r;
        exchange->interrupted |= prior == PRIOR_INTERRUPTED;
        exchange->prior_unknown = prior == PRIOR_UNKNOWN;
        exchange_add_caller(exchange, TAKE_PTR(owned));
        r = exchange_begin(exchange);
        if (r != 0) {
                exchange_give_back(exchange, false);
                return r;
        }

        LIST_INSERT_HEAD(&tenancy->exchanges->exchanges, exchange, entry);
        TAKE_PTR(exchange);
        return 0;
}

/* Looks up the idempotency record of a retry. Returns CALL_ANSWERED after running the function, 0
 * if there is no record, STORE_FAILED or a negative errno. */
static int find_answer(Tenancy *tenancy, const ExchangeRequest *request, const uint8_t *key,
                       PriorAttempt *ret_prior, ResultFunc func, void *userdata)
{
        _cleanup_(idempotency_record_clear) IdempotencyRecord answer = {};
        int r;

        r = store_get_idempotency_record(tenancy->store, key, &answer);
        if (r == ERROR_NOT_FOUND)
                return 0;
        /* The store is optional for an exchange without a link. */
        if (r > 0 && !request->link) {
                *ret_prior = PRIOR_UNKNOWN;
                return 0;
        }
        if (r != 0)
                return r;
        /* The code may never have reached the API, so ask again. */
        if (answer.error == ERROR_INTERRUPTED) {
                *ret_prior = PRIOR_INTERRUPTED;
                return 0;
        }
        r = exchange_check_user(request->user_id, &answer);
        func(&(Result){.r = r, .answer = r == 0 ? &answer : NULL}, userdata);
        return CALL_ANSWERED;
}

int exchange_start(Tenancy *tenancy, const ExchangeRequest *request, ResultFunc func,
                   void *userdata)
{
        _cleanup_(exchange_caller_freep) ExchangeCaller *caller = NULL;
        uint8_t key[IDEMPOTENCY_KEY_LEN];
        Exchange *first = NULL;
        PriorAttempt prior = PRIOR_NONE;
        int r;

        exchanges_expire_unsaved(tenancy->exchanges);
        if (request->request_id) {
                r = idempotency_key_digest(tenancy->id, request, store_is_shared(tenancy->store),
                                           key);
                if (r == 0)
                        r = find_answer(tenancy, request, key, &prior, func, userdata);
                if (r != 0)
                        return r;
                first = find_exchange(tenancy->exchanges, key);
        }
        r = exchange_caller_new(request->user_id, func, userdata, &caller);
        if (r < 0)
                return r;
        if (first)
                return exchange_join(first, TAKE_PTR(caller));
        /* Before an intent is stored: a call that is not made needs no recovery. */
        r = tenancy_check_api(tenancy);
        if (r != 0)
                return r;
        /* Dots in a path of the URL could name another resource. */
        if (!api_url_segment_is_valid(request->code))
                return ERROR_INVALID_CODE;
        return exchange_add(tenancy, request, request->request_id ? key : NULL, prior,
                            TAKE_PTR(caller));
}
