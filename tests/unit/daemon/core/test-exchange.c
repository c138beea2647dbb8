/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/core/crash-recovery.h"
#include "daemon/core/exchange-internal.h"
#include "daemon/store/store.h"
#include "dbus/error.h"
#include "tests/unit/test.h"

#define REQUEST_ID "0123456789abcdef"

/* Fakes replace the lower layers at link time: an API call waits until the test answers it. */

static struct {
        unsigned n_asked;
        uint64_t clock_spread_ms;
        ResultFunc func;
        ApiObserverFunc observer;
        void *observer_userdata;
        void *userdata;
        uint64_t key;
} api;

/* Changes and records of the fake store. */
static struct {
        bool is_shared, is_open_elsewhere;
        unsigned n_commits;
        int refuse; /* result of store_commit_exchange() */
        uint64_t intent_id;
        bool has_link, has_key, has_kept;
        char declined_id[32];
        uint8_t key[IDEMPOTENCY_KEY_LEN];
        StoreAddFunc func;
        void *userdata;
        IdempotencyRecord kept;
        uint8_t kept_key[IDEMPOTENCY_KEY_LEN];

        unsigned n_begun;
        int begin_result;
        ExchangeIntent intent; /* lent */
        StoreBeginFunc begun;
        void *begun_userdata;
} store;

/* State of the crash recovery fake. */
static struct {
        uint64_t intent_id;
        bool interrupted;
        unsigned n_settled, n_given_back, n_gone_on, n_decisions_lost;
        WaitFunc func;
        void *userdata;
} recovery;

int api_new(ApiContext *context, const ApiSettings *settings, const Api *previous,
            ApiObserverFunc observer, void *observer_userdata, Api **ret)
{
        api.observer = observer;
        api.observer_userdata = observer_userdata;
        api.key = settings->key;
        *ret = (Api *) &api;
        return 0;
}

Api *api_ref(Api *a)
{
        return a;
}

Api *api_unref(Api *a)
{
        return NULL;
}

bool api_has_settings(const Api *a, const ApiSettings *settings)
{
        return false;
}

uint64_t api_replied_at_ms(const Api *a)
{
        return 0;
}

bool api_has_doubts(const Api *a)
{
        return false;
}

bool api_is_down(const Api *a)
{
        return false;
}

unsigned api_slots(const Api *a)
{
        return 1;
}

uint64_t api_timeout_ms(const Api *a)
{
        return 1;
}

uint32_t api_retry_after_s(const Api *a)
{
        return 0;
}

bool api_has_key(const Api *a)
{
        return api.key != 0;
}

const char *api_endpoint(const Api *a)
{
        return "http://localhost";
}

const char *api_ca_file(const Api *a)
{
        return NULL;
}

uint64_t api_account(const Api *a)
{
        return 1;
}

uint64_t api_key(const Api *a)
{
        return api.key;
}

void api_clock_range_ms(const Api *a, uint64_t *ret_min_ms, uint64_t *ret_max_ms)
{
        *ret_min_ms = 4711 - api.clock_spread_ms;
        *ret_max_ms = 4711;
}

ApiCall *api_call_cancel(ApiCall *call)
{
        return NULL;
}

int api_exchange_code(Api *a, const char *code, ResultFunc func, void *userdata, ApiCall **ret)
{
        api.n_asked++;
        api.func = func;
        api.userdata = userdata;
        return 0;
}

bool store_is_shared(const Store *s)
{
        return store.is_shared;
}

int store_has_intents_of_host(Store *s, const char *tenancy_id, unsigned host, bool *ret)
{
        *ret = false;
        return 0;
}

int store_take_over(Store *s, const char *tenancy_id, unsigned host, StoreDoneFunc func,
                    void *userdata, StoreChange **ret)
{
        return -EINVAL;
}

int store_has_exchange_elsewhere(Store *s, const char *tenancy_id,
                                 const uint8_t key[static IDEMPOTENCY_KEY_LEN], bool *ret)
{
        *ret = store.is_open_elsewhere;
        return 0;
}

int store_get_idempotency_record(Store *s, const uint8_t key[static IDEMPOTENCY_KEY_LEN],
                                 IdempotencyRecord *ret)
{
        if (!store.has_kept || memcmp(key, store.kept_key, IDEMPOTENCY_KEY_LEN) != 0)
                return ERROR_NOT_FOUND;
        *ret = store.kept;
        return store.kept.principal ? principal_copy(store.kept.principal, &ret->principal) : 0;
}

int store_begin_exchange(Store *s, const char *tenancy_id, const ExchangeIntent *intent,
                         StoreBeginFunc func, void *userdata, StoreChange **ret)
{
        store.n_begun++;
        store.intent = *intent;
        store.begun = func;
        store.begun_userdata = userdata;
        return 0;
}

int store_commit_exchange(Store *s, const char *tenancy_id, const ExchangeOutcome *outcome,
                          StoreAddFunc func, void *userdata, StoreChange **ret)
{
        if (store.refuse)
                return store.refuse;
        store.n_commits++;
        store.intent_id = outcome->intent_id;
        store.has_link = outcome->link;
        snprintf(store.declined_id, sizeof(store.declined_id), "%s", outcome->declined_id ?: "");
        store.has_key = outcome->key;
        if (outcome->key)
                memcpy(store.key, outcome->key, IDEMPOTENCY_KEY_LEN);
        store.func = func;
        store.userdata = userdata;
        return 0;
}

uint64_t crash_recovery_take_over(CrashRecovery *r, const ExchangeIntent *repeat,
                                  bool *ret_interrupted)
{
        if (recovery.interrupted || recovery.intent_id > 0)
                *ret_interrupted = true;
        return recovery.intent_id;
}

void crash_recovery_give_back(CrashRecovery *r, uint64_t intent_id, bool settled)
{
        assert_int_equal(intent_id, recovery.intent_id);
        if (settled)
                recovery.n_settled++;
        else
                recovery.n_given_back++;
}

void crash_recovery_resume(CrashRecovery *r)
{
        recovery.n_gone_on++;
}

void crash_recovery_note_lost_decision(CrashRecovery *r)
{
        recovery.n_decisions_lost++;
}

int crash_recovery_wait(CrashRecovery *r, WaitFunc func, void *userdata)
{
        recovery.func = func;
        recovery.userdata = userdata;
        return 0;
}

/* Results of the callers. */
static struct {
        unsigned n;
        int r;
        uint32_t retry_after_s;
        bool linked, newly_linked;
        char user_id[32];
} heard;

static void hear(const Result *result, void *userdata)
{
        const IdempotencyRecord *answer = result->answer;

        heard.n++;
        heard.r = result->r;
        heard.retry_after_s = result->retry_after_s;
        assert_int_equal(result->r == 0, answer != NULL);
        if (!answer)
                return;
        heard.linked = answer->linked;
        heard.newly_linked = answer->newly_linked;
        snprintf(heard.user_id, sizeof(heard.user_id), "%s", answer->principal->user_id);
}

static unsigned n_added;

static void on_link_added(Tenancy *tenancy, const Link *link, void *userdata)
{
        assert_string_equal(link->authenticator_id, "pk1");
        n_added++;
}

static sd_event *event;
static Tenancies *tenancies;
static Tenancy *tenancy;

static void configure(uint64_t key)
{
        const TenancySettings settings = {.label = "default",
                                          .endpoint = "http://localhost",
                                          .timeout_ms = 1000,
                                          .credential = "passlock.default",
                                          .key = key};

        assert_int_equal(tenancy_configure(tenancy, &settings), 0);
}

static int set_up(void **state)
{
        static const TenancyPart *const parts[] = {&exchanges_part, NULL};

        log_set_max_level(LOG_CRIT);
        memset(&api, 0, sizeof(api));
        memset(&store, 0, sizeof(store));
        memset(&recovery, 0, sizeof(recovery));
        memset(&heard, 0, sizeof(heard));
        n_added = 0;
        assert_int_equal(sd_event_new(&event), 0);
        assert_int_equal(tenancies_new(event, NULL, NULL, parts, &tenancies), 0);
        assert_int_equal(tenancies_get(tenancies, "t1", &tenancy), 0);
        configure(1);
        tenancy_set_listener(tenancy, &(TenancyListener){.link_added = on_link_added});
        return 0;
}

static int tear_down(void **state)
{
        idempotency_record_clear(&store.kept);
        tenancy = tenancy_unref(tenancy);
        tenancies = tenancies_free(tenancies);
        event = sd_event_unref(event);
        return 0;
}

static ExchangeRequest a_request(void)
{
        return (ExchangeRequest){.uid = 1000, .code = "c1", .request_id = REQUEST_ID, .link = true};
}

static int try_start(const ExchangeRequest *request)
{
        unsigned n = heard.n;
        int r = exchange_start(tenancy, request, hear, NULL);

        assert_int_equal(heard.n, r == CALL_ANSWERED ? n + 1 : n);
        return r;
}

#define INTENT_ID 77U

/* Starts an exchange and commits its intent, if it needs one. */
static int start(const ExchangeRequest *request)
{
        unsigned n_asked = api.n_asked, n_begun = store.n_begun;
        int r = try_start(request);

        assert_int_not_equal(r, CALL_ANSWERED);
        if (store.n_begun > n_begun) {
                assert_int_equal(api.n_asked, n_asked); /* the API call waits for the intent */
                store.begun(store.begin_result, INTENT_ID, store.begun_userdata);
        }
        return r;
}

static void api_answers(int r, uint32_t retry_after_s)
{
        Principal principal = {
                .id = (char *) "pr1",
                .user_id = (char *) "ada",
                .authenticator_id = (char *) "pk1",
                .authenticator_type = (char *) "passkey",
                .verified = true,
        };

        api.observer((Api *) &api, r, api.observer_userdata);
        api.func(&(Result){.r = r,
                           .retry_after_s = retry_after_s,
                           .principal = r == 0 ? &principal : NULL},
                 api.userdata);
}

static void store_answers(int r, bool newly_linked)
{
        store.func(r, newly_linked, store.userdata);
}

static void test_link_then_answer(void **state)
{
        ExchangeRequest request = a_request();

        assert_int_equal(start(&request), 0);
        api_answers(0, 0);
        assert_int_equal(heard.n, 0); /* the answer waits for the commit */
        assert_true(store.has_link && store.has_key);
        store_answers(0, true);
        assert_int_equal(heard.n, 1);
        assert_int_equal(heard.r, 0);
        assert_true(heard.linked && heard.newly_linked);
        assert_string_equal(heard.user_id, "ada");
        assert_int_equal(n_added, 1);
        assert_int_equal(tenancy_state(tenancy), TENANCY_READY);
}

static void test_known_link_is_not_new(void **state)
{
        ExchangeRequest request = a_request();

        assert_int_equal(start(&request), 0);
        api_answers(0, 0);
        store_answers(0, false);
        assert_true(heard.linked && !heard.newly_linked);
        assert_int_equal(n_added, 0);
}

static void test_without_link(void **state)
{
        ExchangeRequest request = a_request();

        request.link = false;
        request.request_id = NULL;
        assert_int_equal(start(&request), 0);
        assert_int_equal(store.n_begun, 0); /* nothing to recover */
        api_answers(0, 0);
        assert_true(!store.has_link && !store.has_key);
        assert_string_equal(store.declined_id, "pk1"); /* crash recovery must know */
        store_answers(0, false);
        assert_int_equal(heard.r, 0);
        assert_false(heard.linked);

        request.request_id = REQUEST_ID; /* with an idempotency record */
        assert_int_equal(start(&request), 0);
        assert_int_equal(store.n_begun, 1);
        assert_false(store.intent.wants_link);
        api_answers(0, 0);
        assert_true(!store.has_link && store.has_key);
        store_answers(0, false);
        assert_int_equal(heard.n, 2);
        assert_false(heard.linked);
}

static void test_user_mismatch_links_nothing(void **state)
{
        ExchangeRequest request = a_request();

        request.user_id = "eve";
        assert_int_equal(start(&request), 0);
        api_answers(0, 0);
        assert_true(!store.has_link && store.has_key);
        assert_string_equal(store.declined_id, "pk1");
        assert_int_equal(store.intent_id, INTENT_ID);
        store_answers(0, false);
        assert_int_equal(heard.r, ERROR_USER_MISMATCH);
        assert_int_equal(n_added, 0);
}

static void test_conflict(void **state)
{
        ExchangeRequest request = a_request();

        assert_int_equal(start(&request), 0);
        api_answers(0, 0);
        store_answers(ERROR_LINK_CONFLICT, false);
        assert_int_equal(heard.r, ERROR_LINK_CONFLICT);
        assert_int_equal(n_added, 0);
}

static void test_api_errors(void **state)
{
        const struct {
                int r;
                TenancyState state;
        } ends[] = {
                {ERROR_INVALID_CODE, TENANCY_READY},
                {ERROR_API_DENIED, TENANCY_DENIED},
                {ERROR_UNREACHABLE, TENANCY_DEGRADED},
                {-ENOMEM, TENANCY_DEGRADED},            /* says nothing of the API */
                {ERROR_RATE_LIMITED, TENANCY_DEGRADED}, /* nor does this */
                {ERROR_MALFORMED_REPLY, TENANCY_DEGRADED},
                {ERROR_BAD_REQUEST, TENANCY_DEGRADED}, /* nor does this */
        };

        for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
                ExchangeRequest request = a_request();

                assert_int_equal(start(&request), 0);
                api_answers(ends[i].r, 7);
                assert_int_equal(heard.n, i); /* the reply waits for the removal of the intent */
                assert_int_equal(store.n_commits, i + 1);
                assert_int_equal(store.intent_id, INTENT_ID);
                assert_true(!store.has_link && !store.has_key && !store.declined_id[0]);
                store_answers(0, false);
                assert_int_equal(heard.r, ends[i].r);
                assert_int_equal(heard.retry_after_s, 7);
                assert_int_equal(tenancy_state(tenancy), ends[i].state);
        }
}

static void refuse_code(void)
{
        api_answers(ERROR_INVALID_CODE, 0);
        store_answers(0, false);
}

/* A retry during the first call: one API call, two answers. */
static void test_repeat_joins(void **state)
{
        ExchangeRequest request = a_request(), other_uid = a_request(), other_code = a_request();

        other_uid.uid = 1001;
        other_code.code = "c2";
        assert_int_equal(start(&request), 0);
        assert_int_equal(start(&request), 0);
        assert_int_equal(api.n_asked, 1);
        api_answers(0, 0);
        assert_int_equal(start(&request), 0);
        store_answers(0, true);
        assert_int_equal(heard.n, 3);
        assert_int_equal(n_added, 1);

        assert_int_equal(start(&other_uid), 0);
        assert_int_equal(api.n_asked, 2);
        refuse_code();
        assert_int_equal(start(&other_code), 0);
        assert_int_equal(api.n_asked, 3);
        refuse_code();
}

static void test_repeat_for_another_user_learns_nothing(void **state)
{
        ExchangeRequest request = a_request(), repeat = a_request();

        repeat.user_id = "eve";
        assert_int_equal(start(&request), 0);
        assert_int_equal(start(&repeat), 0);
        api_answers(0, 0);
        store_answers(0, true); /* callers are answered in reverse order */
        assert_int_equal(heard.n, 2);
        assert_int_equal(heard.r, 0);
}

static void keep(const uint8_t *key, int error)
{
        store.has_kept = true;
        memcpy(store.kept_key, key, IDEMPOTENCY_KEY_LEN);
        store.kept = (IdempotencyRecord){.error = error, .linked = true};
        if (error)
                return;
        store.kept.principal = principal_new();
        store.kept.principal->user_id = strdup("ada");
}

static void test_answer_is_found_again(void **state)
{
        ExchangeRequest request = a_request(), others[4];

        assert_int_equal(start(&request), 0);
        api_answers(0, 0);
        keep(store.key, 0);
        store_answers(0, true);

        assert_int_equal(try_start(&request), CALL_ANSWERED);
        assert_int_equal(heard.r, 0);
        assert_string_equal(heard.user_id, "ada");

        request.user_id = "eve"; /* a retry must not bypass the expected user */
        assert_int_equal(try_start(&request), CALL_ANSWERED);
        assert_int_equal(heard.r, ERROR_USER_MISMATCH);

        for (size_t i = 0; i < ARRAY_SIZE(others); i++)
                others[i] = a_request();
        others[0].uid = 1001;
        others[1].code = "c2";
        others[2].request_id = "0123456789abcdeF";
        others[3].request_id = NULL;
        for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
                assert_int_equal(start(&others[i]), 0);
                refuse_code();
        }
        assert_int_equal(api.n_asked, 5);
}

/* On a full disk the call fails, and a retry saves the outcome. */
static void test_repeat_saves_what_the_store_refused(void **state)
{
        ExchangeRequest request = a_request();

        assert_int_equal(start(&request), 0);
        api_answers(0, 0);
        store_answers(ERROR_STORE_FULL, false);
        assert_int_equal(heard.r, ERROR_STORE_FULL);

        assert_int_equal(start(&request), 0);
        assert_int_equal(store.n_commits, 2);
        store_answers(ERROR_STORE_FAILED, false);
        assert_int_equal(heard.r, ERROR_STORE_FAILED);

        store.refuse = -ENOMEM;
        assert_int_equal(start(&request), -ENOMEM);
        store.refuse = 0;
        assert_int_equal(start(&request), 0);
        assert_int_equal(api.n_asked, 1);
        store_answers(0, true);
        assert_int_equal(heard.r, 0);
        assert_int_equal(n_added, 1);

        /* A saved outcome is no longer in memory. */
        assert_int_equal(start(&request), 0);
        assert_int_equal(api.n_asked, 2);
        refuse_code();
}

static void test_store_change_fails_to_start(void **state)
{
        ExchangeRequest request = a_request();

        assert_int_equal(start(&request), 0);
        store.refuse = -ENOMEM;
        api_answers(0, 0);
        assert_int_equal(heard.r, -ENOMEM);

        request.request_id = NULL; /* without a request id there is no retry */
        assert_int_equal(start(&request), 0);
        api_answers(0, 0);
        assert_int_equal(heard.n, 2);
}

/* An exchange without a link needs no store. */
static void test_store_fails_without_link(void **state)
{
        ExchangeRequest request = a_request();

        request.link = false;
        store.begin_result = ERROR_STORE_FULL;
        assert_int_equal(start(&request), 0);
        api_answers(0, 0);
        assert_int_equal(store.intent_id, 0);
        store_answers(ERROR_STORE_FULL, false);
        assert_int_equal(heard.r, 0);
        assert_string_equal(heard.user_id, "ada");
        assert_false(heard.linked);

        /* Crash recovery must not link the declined passkey. */
        store.begin_result = 0;
        assert_int_equal(start(&request), 0);
        assert_true(store.intent.window_ms < 60000);
        refuse_code();
}

/* Runs the loop until the back-off timer has fired. */
static void run_until_commit(unsigned n_commits)
{
        while (store.n_commits < n_commits)
                assert_true(sd_event_run(event, UINT64_MAX) >= 0);
}

/* An exchange that ended without a link must not be linked after a crash: its intent is removed as
 * soon as the store works. */
static void test_intent_removal_is_retried(void **state)
{
        ExchangeRequest request = a_request();

        request.request_id = NULL;
        assert_int_equal(start(&request), 0);
        api_answers(0, 0);
        store_answers(ERROR_STORE_FAILED, false);
        assert_int_equal(heard.r, ERROR_STORE_FAILED);
        for (unsigned i = 2; i < 4; i++) {
                run_until_commit(i);
                assert_int_equal(store.intent_id, INTENT_ID);
                assert_string_equal(store.declined_id, "pk1");
                assert_true(!store.has_link && !store.has_key);
                assert_true(tenancies_are_busy(tenancies));
                store_answers(i == 2 ? ERROR_STORE_FAILED : 0, false);
                assert_false(tenancies_are_busy(tenancies));
        }
        assert_int_equal(heard.n, 1);

        assert_int_equal(start(&request), 0);
        api_answers(ERROR_INVALID_CODE, 0);
        store_answers(ERROR_STORE_FAILED, false);
        assert_int_equal(heard.r, ERROR_INVALID_CODE);
        run_until_commit(5);
        assert_int_equal(store.intent_id, INTENT_ID);
        assert_string_equal(store.declined_id, "");
        store_answers(0, false);
}

static void test_unsaved_are_bounded(void **state)
{
        char request_id[32];

        for (unsigned i = 0; i < 300; i++) {
                ExchangeRequest request = a_request();

                snprintf(request_id, sizeof(request_id), "0123456789abcdef%u", i);
                request.request_id = request_id;
                assert_int_equal(start(&request), 0);
                api_answers(0, 0);
                store_answers(ERROR_STORE_FULL, false);
        }
        assert_int_equal(api.n_asked, 300);
        for (unsigned i = 0; i < 300; i++) {
                ExchangeRequest request = a_request();
                unsigned n = api.n_asked;

                snprintf(request_id, sizeof(request_id), "0123456789abcdef%u", i);
                request.request_id = request_id;
                assert_int_equal(start(&request), 0);
                assert_int_equal(api.n_asked, i < 300 - 256 ? n + 1 : n);
                if (api.n_asked > n)
                        refuse_code();
                else
                        store_answers(0, true);
        }
}

static void test_no_key(void **state)
{
        ExchangeRequest request = a_request();

        configure(0);
        assert_int_equal(tenancy_state(tenancy), TENANCY_UNCONFIGURED);
        assert_int_equal(start(&request), ERROR_NOT_CONFIGURED);
        assert_int_equal(api.n_asked, 0);
}

static void test_intent(void **state)
{
        ExchangeRequest request = a_request();

        request.user_id = "ada";
        assert_int_equal(start(&request), 0);
        assert_string_equal(store.intent.user_id, "ada");
        assert_true(store.intent.wants_link && store.intent.has_key);
        assert_int_equal(store.intent.begun_at_api_ms, 4711);
        assert_true(store.intent.begun_at.boottime_ms > 0);
        assert_in_range(store.intent.window_ms, 300000, 600000);
        api_answers(0, 0);
        assert_memory_equal(store.intent.key, store.key, IDEMPOTENCY_KEY_LEN);
        assert_int_equal(store.intent_id, INTENT_ID); /* with the link */
        assert_true(store.has_link);
        store_answers(0, true);
}

/* The passkey's time may be of the clock before or after it was set. */
static void test_api_clock_was_set(void **state)
{
        ExchangeRequest request = a_request();

        api.clock_spread_ms = 4000;
        assert_int_equal(start(&request), 0);
        assert_int_equal(store.intent.begun_at_api_ms, 4711);
        assert_in_range(store.intent.window_ms, 304000, 604000);
        refuse_code();
}

/* Recovery waits for the open exchanges, and is told of lost decisions. */
static void test_recovery_waits(void **state)
{
        ExchangeRequest request = a_request();

        request.user_id = "eve";
        assert_int_equal(start(&request), 0);
        assert_false(exchanges_are_awaited(tenancy->exchanges));
        exchanges_await(tenancy->exchanges);
        assert_true(exchanges_are_awaited(tenancy->exchanges));
        api_answers(0, 0);
        assert_true(exchanges_are_awaited(tenancy->exchanges));
        assert_int_equal(recovery.n_gone_on, 0);
        store_answers(0, false);
        assert_int_equal(heard.r, ERROR_USER_MISMATCH);
        assert_false(exchanges_are_awaited(tenancy->exchanges));
        assert_true(recovery.n_gone_on > 0);
        assert_int_equal(recovery.n_decisions_lost, 0);

        request.code = "c2";
        assert_int_equal(start(&request), 0);
        exchanges_await(tenancy->exchanges);
        api_answers(ERROR_UNREACHABLE, 0);
        store_answers(0, false);
        assert_int_equal(recovery.n_decisions_lost, 1);

        /* No decision can be lost. */
        assert_int_equal(start(&request), 0);
        exchanges_await(tenancy->exchanges);
        refuse_code();
        request.user_id = NULL;
        assert_int_equal(start(&request), 0);
        exchanges_await(tenancy->exchanges);
        api_answers(ERROR_UNREACHABLE, 0);
        store_answers(0, false);
        assert_int_equal(recovery.n_decisions_lost, 1);
}

/* Without an intent there is no API call: the code stays valid. */
static void test_no_intent_no_api_call(void **state)
{
        ExchangeRequest request = a_request();

        store.begin_result = ERROR_STORE_FULL;
        assert_int_equal(start(&request), 0);
        assert_int_equal(heard.r, ERROR_STORE_FULL);
        assert_int_equal(api.n_asked, 0);
        assert_int_equal(store.n_commits, 0);

        store.begin_result = 0;
        assert_int_equal(start(&request), 0);
        assert_int_equal(api.n_asked, 1);
        refuse_code();
}

/* A retry of an exchange of an earlier process: the API may never have received the code. */
static void test_interrupted_before_the_api_was_asked(void **state)
{
        ExchangeRequest request = a_request();

        recovery.intent_id = 5;
        assert_int_equal(start(&request), 0);
        assert_int_equal(store.n_begun, 0); /* has one */
        api_answers(0, 0);
        assert_int_equal(store.intent_id, 5);
        store_answers(0, true);
        assert_int_equal(heard.r, 0);
        assert_true(heard.newly_linked);
        assert_int_equal(recovery.n_settled, 1);
}

static void test_interrupted(void **state)
{
        ExchangeRequest request = a_request();

        recovery.intent_id = 5;
        assert_int_equal(start(&request), 0);
        api_answers(ERROR_INVALID_CODE, 0);
        assert_int_equal(recovery.n_given_back, 1);
        assert_int_equal(store.n_commits, 0); /* recovery has the claim */
        assert_int_equal(heard.n, 0);         /* not resolved */
        recovery.func(recovery.userdata);
        assert_int_equal(heard.r, ERROR_INTERRUPTED);

        /* Only INVALID_CODE means that the code is used up. */
        assert_int_equal(start(&request), 0);
        api_answers(ERROR_UNREACHABLE, 0);
        assert_int_equal(recovery.n_given_back, 2);
        assert_int_equal(heard.r, ERROR_UNREACHABLE);
}

/* Crash recovery has resolved the exchange. */
static void test_interrupted_and_resolved(void **state)
{
        ExchangeRequest request = a_request(), other = a_request();

        assert_int_equal(start(&request), 0);
        api_answers(0, 0);
        keep(store.key, ERROR_INTERRUPTED);
        store_answers(0, true);

        assert_int_equal(start(&request), 0);
        assert_int_equal(store.n_begun, 2);
        refuse_code();
        recovery.func(recovery.userdata);
        assert_int_equal(heard.r, ERROR_INTERRUPTED);

        other.code = "c2";
        assert_int_equal(start(&other), 0);
        refuse_code();
        assert_int_equal(heard.r, ERROR_INVALID_CODE);
}

static void refuse_code_elsewhere(const ExchangeRequest *request)
{
        store.is_shared = true;
        store.is_open_elsewhere = true;
        assert_int_equal(start(request), 0);
        memcpy(store.key, store.intent.key, IDEMPOTENCY_KEY_LEN);
        refuse_code();
        assert_int_equal(heard.n, 0);
}

static void run_until_heard(void)
{
        uint64_t until_ms = monotonic_ms() + 10000;

        while (heard.n == 0 && monotonic_ms() < until_ms)
                assert_true(sd_event_run(event, 100000) >= 0);
        assert_int_equal(heard.n, 1);
}

/* Another host has used the code, and its answer arrives. */
static void test_answer_of_another_host(void **state)
{
        ExchangeRequest request = a_request();

        refuse_code_elsewhere(&request);
        assert_true(sd_event_run(event, 100000) >= 0);
        assert_int_equal(heard.n, 0);
        keep(store.key, 0);
        store.is_open_elsewhere = false;
        run_until_heard();
        assert_int_equal(heard.r, 0);
        assert_true(heard.linked);
        assert_string_equal(heard.user_id, "ada");
}

/* The other host has no answer either, or takes too long. */
static void test_no_answer_of_another_host(void **state)
{
        ExchangeRequest request = a_request();
        uint64_t begun_ms = monotonic_ms();

        refuse_code_elsewhere(&request);
        store.is_open_elsewhere = false;
        run_until_heard();
        assert_int_equal(heard.r, ERROR_INVALID_CODE);
        assert_true(monotonic_ms() - begun_ms < 1000);

        heard.n = 0;
        begun_ms = monotonic_ms();
        refuse_code_elsewhere(&request);
        run_until_heard();
        assert_int_equal(heard.r, ERROR_INVALID_CODE);
        assert_in_range(monotonic_ms() - begun_ms, 1900, 9000);
}

/* Uids differ between hosts: the grant stands for the caller. */
static void test_key_in_a_shared_store(void **state)
{
        const struct {
                uid_t uid;
                const char *grant;
        } callers[] = {{1000, "web"},  {1001, "web"}, {0, "web"},   {1000, "root"},
                       {1000, "mail"}, {0, NULL},     {1000, NULL}, {1001, NULL}};
        uint8_t keys[ARRAY_SIZE(callers)][IDEMPOTENCY_KEY_LEN];

        for (unsigned shared = 0; shared < 2; shared++) {
                store.is_shared = shared;
                for (size_t i = 0; i < ARRAY_SIZE(callers); i++) {
                        ExchangeRequest request = a_request();

                        request.uid = callers[i].uid;
                        request.grant = callers[i].grant;
                        assert_int_equal(start(&request), 0);
                        refuse_code();
                        memcpy(keys[i], store.intent.key, IDEMPOTENCY_KEY_LEN);
                }
                for (size_t i = 0; i < ARRAY_SIZE(callers); i++)
                        for (size_t k = 0; k < i; k++)
                                assert_int_equal(memcmp(keys[i], keys[k], IDEMPOTENCY_KEY_LEN) == 0,
                                                 shared ? i < 3 : callers[i].uid == callers[k].uid);
        }
}

static void test_dots_are_no_code(void **state)
{
        ExchangeRequest request = a_request();

        request.code = "..";
        assert_int_equal(start(&request), ERROR_INVALID_CODE);
        request.code = ".";
        assert_int_equal(start(&request), ERROR_INVALID_CODE);
        assert_int_equal(api.n_asked, 0);
}

/* A tenancy outside of the configuration lives until its last exchange has ended. */
static void test_outlives_its_owner(void **state)
{
        ExchangeRequest request = a_request();

        assert_int_equal(start(&request), 0);
        tenancy = tenancy_unref(tenancy);
        api_answers(0, 0);
        store_answers(0, true);
        assert_int_equal(heard.r, 0);
}

static void leave_configuration_and_return(void)
{
        tenancy_retire(tenancy);
        assert_false(tenancy_has_key(tenancy));
        tenancy = tenancy_unref(tenancy);
        assert_int_equal(tenancies_get(tenancies, "t1", &tenancy), 0);
        configure(1);
}

/* Unsaved outcomes and unremoved intents survive, too. */
static void test_outlives_the_configuration(void **state)
{
        ExchangeRequest request = a_request();

        assert_int_equal(start(&request), 0);
        api_answers(0, 0);
        store_answers(ERROR_STORE_FULL, false);
        leave_configuration_and_return();
        assert_int_equal(start(&request), 0);
        assert_int_equal(api.n_asked, 1);
        store_answers(0, true);
        assert_int_equal(heard.r, 0);

        request.request_id = NULL;
        assert_int_equal(start(&request), 0);
        api_answers(ERROR_INVALID_CODE, 0);
        store_answers(ERROR_STORE_FULL, false);
        leave_configuration_and_return();
        run_until_commit(4);
        assert_int_equal(store.intent_id, INTENT_ID);
        store_answers(0, false);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_link_then_answer),
                TEST(test_known_link_is_not_new),
                TEST(test_without_link),
                TEST(test_user_mismatch_links_nothing),
                TEST(test_conflict),
                TEST(test_api_errors),
                TEST(test_repeat_joins),
                TEST(test_repeat_for_another_user_learns_nothing),
                TEST(test_answer_is_found_again),
                TEST(test_repeat_saves_what_the_store_refused),
                TEST(test_store_change_fails_to_start),
                TEST(test_store_fails_without_link),
                TEST(test_intent_removal_is_retried),
                TEST(test_unsaved_are_bounded),
                TEST(test_no_key),
                TEST(test_intent),
                TEST(test_api_clock_was_set),
                TEST(test_recovery_waits),
                TEST(test_no_intent_no_api_call),
                TEST(test_interrupted_before_the_api_was_asked),
                TEST(test_interrupted),
                TEST(test_interrupted_and_resolved),
                TEST(test_answer_of_another_host),
                TEST(test_no_answer_of_another_host),
                TEST(test_key_in_a_shared_store),
                TEST(test_dots_are_no_code),
                TEST(test_outlives_its_owner),
                TEST(test_outlives_the_configuration),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
