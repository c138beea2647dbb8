/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>

#include "base/log.h"
#include "daemon/api/api.h"
#include "daemon/core/exchange.h"
#include "daemon/core/reconcile.h"
#include "daemon/core/tenancy-internal.h"
#include "daemon/store/store.h"
#include "dbus/error.h"
#include "tests/unit/test.h"

#define REQUEST_ID "0123456789abcdef"

/* The layers below are replaced at link time: a question waits until the test answers it. */

static struct {
        unsigned n_asked;
        ApiPrincipalFunc func;
        void *userdata;
} api;

static struct {
        unsigned n_commits;
        int refuse; /* what store_commit_exchange() returns */
        bool has_link, has_key, has_kept;
        uint8_t key[ANSWER_KEY_LEN];
        StoreAddFunc func;
        void *userdata;
        Answer kept;
        uint8_t kept_key[ANSWER_KEY_LEN];
} store;

int api_configure(Api *a, const char *endpoint, const char *tenancy_id, const char *ca_file,
                  uint64_t timeout_ms, Secret *key)
{
        return 0;
}

Api *api_free(Api *a)
{
        return NULL;
}

ApiCall *api_call_cancel(ApiCall *call)
{
        return NULL;
}

int api_exchange_code(Api *a, const char *code, ApiPrincipalFunc func, void *userdata,
                      ApiCall **ret)
{
        api.n_asked++;
        api.func = func;
        api.userdata = userdata;
        return 0;
}

int store_get_answer(Store *s, const uint8_t key[static ANSWER_KEY_LEN], uint64_t now_ms,
                     Answer *ret)
{
        if (!store.has_kept || memcmp(key, store.kept_key, ANSWER_KEY_LEN) != 0)
                return ERROR_NOT_FOUND;
        *ret = store.kept;
        return store.kept.principal ? principal_copy(store.kept.principal, &ret->principal) : 0;
}

int store_commit_exchange(Store *s, const char *tenancy_id, const Link *link, const uint8_t *key,
                          const Answer *answer, uint64_t now_ms, StoreAddFunc func, void *userdata,
                          StoreChange **ret)
{
        if (store.refuse)
                return store.refuse;
        store.n_commits++;
        store.has_link = link;
        store.has_key = key;
        if (key)
                memcpy(store.key, key, ANSWER_KEY_LEN);
        store.func = func;
        store.userdata = userdata;
        return 0;
}

/* The mark for what a crash may lose. */
static struct {
        unsigned n_set, n_cleared;
        int result; /* how setting it ends */
        StoreDoneFunc func;
        void *userdata;
} mark;

int store_get_unsettled(Store *s, const char *tenancy_id, uint64_t *ret_since_ms)
{
        *ret_since_ms = 0;
        return 0;
}

int store_set_unsettled(Store *s, const char *tenancy_id, uint64_t since_ms, StoreDoneFunc func,
                        void *userdata, StoreChange **ret)
{
        if (since_ms == 0) {
                mark.n_cleared++;
                return 0;
        }
        mark.n_set++;
        mark.func = func;
        mark.userdata = userdata;
        *ret = (StoreChange *) &mark; /* opaque */
        return 0;
}

StoreChange *store_change_forget(StoreChange *change)
{
        return NULL;
}

int reconcile_recover(Tenancy *t, uint64_t since_ms, ReconcileFunc func, void *userdata,
                      Reconcile **ret)
{
        fail();
        return 0;
}

Reconcile *reconcile_cancel(Reconcile *reconcile)
{
        return NULL;
}

KeyRing *key_ring_free(KeyRing *ring)
{
        return NULL;
}

void key_ring_forget(Tenancy *t)
{
}

/* What callers heard. */
static struct {
        unsigned n;
        int r;
        uint32_t retry_after_s;
        bool linked, newly_linked;
        char user_id[32];
} heard;

static void hear(int r, uint32_t retry_after_s, const Answer *answer, void *userdata)
{
        heard.n++;
        heard.r = r;
        heard.retry_after_s = retry_after_s;
        assert_int_equal(r == 0, answer != NULL);
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

static Tenancy *tenancy;

static int set_up(void **state)
{
        Secret *key = NULL;

        log_set_max_level(LOG_CRIT);
        memset(&api, 0, sizeof(api));
        memset(&store, 0, sizeof(store));
        memset(&mark, 0, sizeof(mark));
        memset(&heard, 0, sizeof(heard));
        n_added = 0;
        assert_int_equal(secret_new("k", 1, &key), 0);
        assert_int_equal(tenancy_new("default", NULL, NULL, &tenancy), 0);
        assert_int_equal(tenancy_configure(tenancy, "t1", "http://localhost", NULL, 1000, key), 0);
        tenancy_set_listener(tenancy, &(TenancyListener){.link_added = on_link_added});
        secret_unref(key);
        return 0;
}

static int tear_down(void **state)
{
        answer_clear(&store.kept);
        tenancy = tenancy_unref(tenancy);
        return 0;
}

static ExchangeRequest a_request(void)
{
        return (ExchangeRequest){.uid = 1000, .code = "c1", .request_id = REQUEST_ID, .link = true};
}

/* Sees to the mark as well, if one is wanted. */
static int start(const ExchangeRequest *request)
{
        unsigned n = heard.n, n_asked = api.n_asked;
        StoreDoneFunc marked;
        int r = exchange_start(tenancy, request, hear, NULL);

        assert_int_equal(heard.n, n); /* never before start returns */
        marked = mark.func;
        mark.func = NULL;
        if (marked) {
                assert_int_equal(api.n_asked, n_asked); /* not before the mark is on disk */
                marked(mark.result, mark.userdata);
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

        api.func(r, retry_after_s, r == 0 ? &principal : NULL, api.userdata);
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
        assert_int_equal(heard.n, 0); /* not before it is on disk */
        assert_true(store.has_link && store.has_key);
        store_answers(0, true);
        assert_int_equal(heard.n, 1);
        assert_int_equal(heard.r, 0);
        assert_true(heard.linked && heard.newly_linked);
        assert_string_equal(heard.user_id, "ada");
        assert_int_equal(n_added, 1);
        assert_int_equal(tenancy_state(tenancy), TENANCY_READY);
}

static void test_known_link_is_no_news(void **state)
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
        api_answers(0, 0);
        assert_int_equal(store.n_commits, 0);
        assert_int_equal(heard.r, 0);
        assert_false(heard.linked);

        request.request_id = REQUEST_ID; /* then the answer is kept all the same */
        assert_int_equal(start(&request), 0);
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
                {-ENOMEM, TENANCY_DEGRADED}, /* says nothing of the API */
                {ERROR_RATE_LIMITED, TENANCY_READY},
                {ERROR_MALFORMED_REPLY, TENANCY_DEGRADED},
        };

        for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
                ExchangeRequest request = a_request();

                assert_int_equal(start(&request), 0);
                api_answers(ends[i].r, 7);
                assert_int_equal(heard.r, ends[i].r);
                assert_int_equal(heard.retry_after_s, 7);
                assert_int_equal(tenancy_state(tenancy), ends[i].state);
        }
        assert_int_equal(store.n_commits, 0);
}

/* The caller asks again while the first question is under way: one question, two answers. */
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
        api_answers(ERROR_INVALID_CODE, 0);
        assert_int_equal(start(&other_code), 0);
        assert_int_equal(api.n_asked, 3);
        api_answers(ERROR_INVALID_CODE, 0);
}

static void test_repeat_for_another_user_learns_nothing(void **state)
{
        ExchangeRequest request = a_request(), repeat = a_request();

        repeat.user_id = "eve";
        assert_int_equal(start(&request), 0);
        assert_int_equal(start(&repeat), 0);
        api_answers(0, 0);
        store_answers(0, true); /* the latest to come is told first */
        assert_int_equal(heard.n, 2);
        assert_int_equal(heard.r, 0);
}

static void keep(const uint8_t *key, int error)
{
        store.has_kept = true;
        memcpy(store.kept_key, key, ANSWER_KEY_LEN);
        store.kept = (Answer){.error = error, .linked = true};
        if (error)
                return;
        store.kept.principal = principal_new();
        store.kept.principal->user_id = strdup("ada");
}

static void test_answer_is_found_again(void **state)
{
        ExchangeRequest request = a_request(), other = a_request();
        Answer answer = {};

        assert_int_equal(start(&request), 0);
        api_answers(0, 0);
        keep(store.key, 0);
        store_answers(0, true);

        assert_int_equal(exchange_find_answer(tenancy, &request, &answer), 0);
        assert_int_equal(answer.error, 0);
        assert_string_equal(answer.principal->user_id, "ada");
        answer_clear(&answer);

        request.user_id = "eve"; /* a repeat may not weaken what the caller insists on */
        assert_int_equal(exchange_find_answer(tenancy, &request, &answer), 0);
        assert_int_equal(answer.error, ERROR_USER_MISMATCH);
        answer_clear(&answer);

        other.uid = 1001;
        assert_int_equal(exchange_find_answer(tenancy, &other, &answer), ERROR_NOT_FOUND);
        other = a_request();
        other.code = "c2";
        assert_int_equal(exchange_find_answer(tenancy, &other, &answer), ERROR_NOT_FOUND);
        other = a_request();
        other.request_id = "0123456789abcdeF";
        assert_int_equal(exchange_find_answer(tenancy, &other, &answer), ERROR_NOT_FOUND);
        other = a_request();
        other.request_id = NULL;
        assert_int_equal(exchange_find_answer(tenancy, &other, &answer), ERROR_NOT_FOUND);
}

/* A full disk: the caller is told, and asking again saves what the code had stood for. */
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

        /* And once saved it is forgotten here. */
        assert_int_equal(start(&request), 0);
        assert_int_equal(api.n_asked, 2);
        api_answers(ERROR_INVALID_CODE, 0);
}

static void test_store_refuses_at_once(void **state)
{
        ExchangeRequest request = a_request();

        assert_int_equal(start(&request), 0);
        store.refuse = -ENOMEM;
        api_answers(0, 0);
        assert_int_equal(heard.r, -ENOMEM);

        request.request_id = NULL; /* without one there can be no repeat, and nothing is kept */
        assert_int_equal(start(&request), 0);
        api_answers(0, 0);
        assert_int_equal(heard.n, 2);
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
                        api_answers(ERROR_INVALID_CODE, 0);
                else
                        store_answers(0, true);
        }
}

static void test_no_key(void **state)
{
        ExchangeRequest request = a_request();

        assert_int_equal(tenancy_configure(tenancy, "t1", "http://localhost", NULL, 1000, NULL), 0);
        assert_int_equal(tenancy_state(tenancy), TENANCY_UNCONFIGURED);
        assert_int_equal(start(&request), ERROR_NOT_CONFIGURED);
        assert_int_equal(api.n_asked, 0);
}

/* Set before the API is asked, and gone when there is nothing left that a crash could lose. */
static void test_mark(void **state)
{
        ExchangeRequest first = a_request(), second = a_request();

        second.code = "c2";
        assert_int_equal(start(&first), 0);
        assert_int_equal(mark.n_set, 1);
        api_answers(0, 0);
        assert_int_equal(start(&second), 0);
        assert_int_equal(mark.n_set, 1);
        store_answers(0, true);
        assert_int_equal(mark.n_cleared, 0);
        api_answers(ERROR_INVALID_CODE, 0);
        assert_int_equal(mark.n_cleared, 1);

        assert_int_equal(start(&first), 0);
        assert_int_equal(mark.n_set, 2);
        api_answers(0, 0);
        store_answers(ERROR_STORE_FULL, false); /* not settled */
        assert_int_equal(mark.n_cleared, 1);
        assert_int_equal(start(&first), 0);
        store_answers(0, true);
        assert_int_equal(mark.n_cleared, 2);

        first.link = false; /* there is nothing to lose */
        assert_int_equal(start(&first), 0);
        api_answers(ERROR_INVALID_CODE, 0);
        assert_int_equal(mark.n_set, 2);
}

/* If a link could not be kept, the code is not used up for it. */
static void test_no_mark_no_question(void **state)
{
        ExchangeRequest request = a_request();

        mark.result = ERROR_STORE_FULL;
        assert_int_equal(start(&request), 0);
        assert_int_equal(heard.r, ERROR_STORE_FULL);
        assert_int_equal(api.n_asked, 0);

        mark.result = 0;
        assert_int_equal(start(&request), 0);
        assert_int_equal(api.n_asked, 1);
        api_answers(ERROR_INVALID_CODE, 0);
}

static void test_two_wait_for_the_mark(void **state)
{
        ExchangeRequest first = a_request(), second = a_request();

        second.code = "c2";
        assert_int_equal(exchange_start(tenancy, &first, hear, NULL), 0);
        assert_int_equal(exchange_start(tenancy, &first, hear, NULL), 0);
        assert_int_equal(exchange_start(tenancy, &second, hear, NULL), 0);
        assert_int_equal(mark.n_set, 1);
        mark.func(0, mark.userdata);
        assert_int_equal(api.n_asked, 2);
        api_answers(ERROR_INVALID_CODE, 0);
        assert_int_equal(mark.n_cleared, 0);
        api.userdata = tenancy->exchanges;
        api_answers(ERROR_INVALID_CODE, 0);
        assert_int_equal(heard.n, 3);
        assert_int_equal(mark.n_cleared, 1);
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

/* A tenancy that leaves the configuration lives until its last exchange has ended. */
static void test_outlives_its_owner(void **state)
{
        ExchangeRequest request = a_request();

        assert_int_equal(start(&request), 0);
        tenancy = tenancy_unref(tenancy);
        api_answers(0, 0);
        store_answers(0, true);
        assert_int_equal(heard.r, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_link_then_answer),
                TEST(test_known_link_is_no_news),
                TEST(test_without_link),
                TEST(test_user_mismatch_links_nothing),
                TEST(test_conflict),
                TEST(test_api_errors),
                TEST(test_repeat_joins),
                TEST(test_repeat_for_another_user_learns_nothing),
                TEST(test_answer_is_found_again),
                TEST(test_repeat_saves_what_the_store_refused),
                TEST(test_store_refuses_at_once),
                TEST(test_unsaved_are_bounded),
                TEST(test_no_key),
                TEST(test_mark),
                TEST(test_no_mark_no_question),
                TEST(test_two_wait_for_the_mark),
                TEST(test_dots_are_no_code),
                TEST(test_outlives_its_owner),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
