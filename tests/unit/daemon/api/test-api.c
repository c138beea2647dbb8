/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "daemon/api/api.h"
#include "dbus/error.h"
#include "tests/unit/daemon/api/api-script.h"
#include "tests/unit/daemon/api/http-transport.h"
#include "tests/unit/test.h"

#define TOKEN_OK \
        OK_HEAD "Content-Length: 86\r\n\r\n" \
                "{\"_tag\":\"AuthorizedPasskeyRegistration\",\"registrationToken\":\"rt_1\"," \
                "\"expiresAt\":123}   "
#define PRINCIPAL_OK \
        OK("{\"_tag\":\"ExtendedPrincipal\",\"id\":\"pr1\",\"userId\":\"user-42\"," \
           "\"authenticatorId\":\"pk5\",\"authenticatorType\":\"passkey\"," \
           "\"createdAt\":1,\"expiresAt\":2,\"metadata\":{}}")

#define KEY 1U

typedef struct Outcome {
        unsigned n_ended;
        int r;
        uint32_t retry_after_s;
        char text[64]; /* the token or the principal's user */
        ApiCall *call;
} Outcome;

typedef struct Fixture {
        sd_event *event;
        HttpTransport *transport;
        ApiContext *context;
        Api *api;
        Secret *key;
        RawPeer *peer;
        Script script; /* the peer's */
        Registration registration;
        Outcome outcome;
} Fixture;

static int set_up(void **state)
{
        Fixture *f = calloc(1, sizeof(Fixture));

        assert_non_null(f);
        assert_int_equal(sd_event_new(&f->event), 0);
        f->transport = http_transport_new(f->event);
        assert_int_equal(api_context_new(f->event, http_transport_get(f->transport), &f->context),
                         0);
        assert_int_equal(secret_new("sk_1", 4, &f->key), 0);
        f->registration = (Registration){
                .rp_id = (char *) "Example.COM",
                .rp_name = (char *) "Example",
                .user_id = (char *) "user-42",
                .username = (char *) "ada",
        };
        *state = f;
        return 0;
}

static int tear_down(void **state)
{
        Fixture *f = *state;

        api_unref(f->api);
        api_context_free(f->context);
        http_transport_free(f->transport);
        secret_unref(f->key);
        raw_peer_free(f->peer);
        sd_event_unref(f->event);
        free(f);
        return 0;
}

/* Calls use this tenancy from here on. */
static int configure_tenancy(Fixture *f, const char *endpoint, const char *tenancy_id,
                             uint64_t timeout_ms, Secret *key)
{
        _cleanup_(api_unrefp) Api *old = f->api;

        return api_new(f->context,
                       &(ApiSettings){.endpoint = endpoint,
                                      .tenancy_id = tenancy_id,
                                      .timeout_ms = timeout_ms,
                                      .account = http_transport_add(f->transport, endpoint, key),
                                      .key = key ? KEY : 0},
                       old, NULL, NULL, &f->api);
}

static int configure(Fixture *f, uint16_t port, uint64_t timeout_ms, Secret *key)
{
        char endpoint[64];

        snprintf(endpoint, sizeof(endpoint), "http://127.0.0.1:%u", port);
        return configure_tenancy(f, endpoint, "ten/ancy", timeout_ms, key);
}

static void serve(Fixture *f, const Script *script, uint64_t timeout_ms)
{
        raw_peer_free(f->peer);
        f->script = *script;
        f->peer = raw_peer_new(script_follow, &f->script);
        assert_int_equal(configure(f, raw_peer_port(f->peer), timeout_ms, f->key), 0);
}

static void on_token(const Result *result, void *userdata)
{
        Outcome *outcome = userdata;

        outcome->n_ended++;
        outcome->r = result->r;
        outcome->retry_after_s = result->retry_after_s;
        assert_true((result->r == 0) == (result->token != NULL));
        if (result->token)
                snprintf(outcome->text, sizeof(outcome->text), "%s", result->token->token);
}

static void on_principal(const Result *result, void *userdata)
{
        Outcome *outcome = userdata;

        outcome->n_ended++;
        outcome->r = result->r;
        outcome->retry_after_s = result->retry_after_s;
        assert_true((result->r == 0) == (result->principal != NULL));
        if (result->principal)
                snprintf(outcome->text, sizeof(outcome->text), "%s", result->principal->user_id);
}

static void run_until_ended(Fixture *f, const Outcome *outcome)
{
        uint64_t deadline_ms = monotonic_ms() + 60000;

        while (outcome->n_ended == 0) {
                assert_true(monotonic_ms() < deadline_ms);
                assert_true(sd_event_run(f->event, 100000) >= 0);
        }
        assert_int_equal(outcome->n_ended, 1);
}

static void start_authorize(Fixture *f, Outcome *outcome)
{
        *outcome = (Outcome){};
        assert_int_equal(api_authorize_registration(f->api, &f->registration, 0, on_token, outcome,
                                                    &outcome->call),
                         0);
        assert_int_equal(outcome->n_ended, 0);
}

static void authorize(Fixture *f)
{
        start_authorize(f, &f->outcome);
        run_until_ended(f, &f->outcome);
}

static void exchange(Fixture *f, const char *code)
{
        f->outcome = (Outcome){};
        assert_int_equal(
                api_exchange_code(f->api, code, on_principal, &f->outcome, &f->outcome.call), 0);
        assert_int_equal(f->outcome.n_ended, 0);
        run_until_ended(f, &f->outcome);
}

static void test_authorize(void **state)
{
        Fixture *f = *state;
        Script script = {.lines = {TOKEN_OK}};
        _cleanup_(freep) char *sent = NULL;

        serve(f, &script, 30000);
        authorize(f);
        assert_int_equal(f->outcome.r, 0);
        assert_string_equal(f->outcome.text, "rt_1");

        sent = raw_peer_request(f->peer);
        assert_ptr_equal(
                strstr(sent, "POST /v2/ten%2Fancy/passkey/registration/authorize HTTP/1.1\r\n"),
                sent);
        assert_non_null(strstr(sent, "\r\nAuthorization: Bearer sk_1\r\n"));
        assert_string_equal(strstr(sent, "\r\n\r\n") + 4,
                            "{\"rpId\":\"example.com\",\"rpName\":\"Example\","
                            "\"userId\":\"user-42\",\"username\":\"ada\"}");
}

static void test_exchange(void **state)
{
        Fixture *f = *state;
        Script script = {.lines = {PRINCIPAL_OK}};
        _cleanup_(freep) char *sent = NULL;

        serve(f, &script, 30000);
        exchange(f, "a/co de?");
        assert_int_equal(f->outcome.r, 0);
        assert_string_equal(f->outcome.text, "user-42");

        sent = raw_peer_request(f->peer);
        assert_ptr_equal(strstr(sent, "GET /v2/ten%2Fancy/principal/a%2Fco%20de%3F HTTP/1.1\r\n"),
                         sent);
        assert_non_null(strstr(sent, "\r\nAuthorization: Bearer sk_1\r\n"));
        assert_null(strcasestr(sent, "\r\nContent-Type:"));
}

static void test_authorize_tries_again(void **state)
{
        Fixture *f = *state;
        Script scripts[] = {
                {.lines = {SERVER_ERROR, TOKEN_OK}},
                {.lines = {script_cut, TOKEN_OK}},
                {.lines = {SERVER_ERROR, script_cut, SERVER_ERROR, TOKEN_OK}},
        };

        for (size_t i = 0; i < ARRAY_SIZE(scripts); i++) {
                serve(f, &scripts[i], 30000);
                authorize(f);
                assert_int_equal(f->outcome.r, 0);
                assert_int_equal(raw_peer_n_requests(f->peer), i == 2 ? 4 : 2);
        }
}

#define BUSY(retry_after) \
        "HTTP/1.1 503 Busy\r\nRetry-After: " retry_after "\r\nContent-Length: 0\r\n\r\n"

/* Retry-After is respected, */
static void test_retry_after(void **state)
{
        static const char *const lines[] = {
                BUSY("1"),
                "HTTP/1.1 500 Oops\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n",
                "HTTP/1.1 503 Busy\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                "Retry-After: Sun, 06 Nov 1994 08:49:38 GMT\r\nContent-Length: 0\r\n\r\n",
                /* also in a truncated reply, */
                "HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nConnection: close\r\n"
                "Content-Length: 9\r\n\r\n{",
        };
        Fixture *f = *state;

        for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
                Script script = {.lines = {lines[i], TOKEN_OK}};
                uint64_t started_at_ms = monotonic_ms();

                serve(f, &script, 30000);
                authorize(f);
                assert_int_equal(f->outcome.r, 0);
                assert_int_equal(raw_peer_n_requests(f->peer), 2);
                assert_true(monotonic_ms() - started_at_ms >= 1000);
        }
}

/* and ends the call at once if it exceeds the deadline. */
static void test_retry_after_beyond_deadline(void **state)
{
        static const char *const lines[] = {
                BUSY("60"), BUSY("99999999999999999999"), BUSY("60.5"), BUSY("60, 60"),
                "HTTP/1.1 502 Oops\r\nRetry-After: 60\r\nContent-Length: 0\r\n\r\n"};
        Fixture *f = *state;

        for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
                Script script = {.lines = {lines[i], TOKEN_OK}};

                serve(f, &script, 60000);
                authorize(f);
                assert_int_equal(f->outcome.r, ERROR_UNREACHABLE);
                assert_int_equal(f->outcome.retry_after_s, i == 1 ? UINT32_MAX : 60);
                assert_int_equal(raw_peer_n_requests(f->peer), 1);
        }
}

/* Calls sent once and rate-limited calls are never retried. */
static void test_no_retry_despite_retry_after(void **state)
{
        Fixture *f = *state;
        Script busy = {.lines = {BUSY("1"), PRINCIPAL_OK}};
        Script slow = {.lines = {"HTTP/1.1 429 Slow\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n",
                                 TOKEN_OK}};

        serve(f, &busy, 30000);
        exchange(f, "code");
        assert_int_equal(f->outcome.r, ERROR_UNREACHABLE);
        assert_int_equal(f->outcome.retry_after_s, 1);
        assert_int_equal(raw_peer_n_requests(f->peer), 1);

        serve(f, &slow, 30000);
        authorize(f);
        assert_int_equal(f->outcome.r, ERROR_RATE_LIMITED);
        assert_int_equal(f->outcome.retry_after_s, 1);
        assert_int_equal(raw_peer_n_requests(f->peer), 1);
}

/* A deadline given by the caller is not extended. */
static void test_deadline_of_the_caller(void **state)
{
        Fixture *f = *state;
        Script script = {.lines = {script_hang}};
        uint64_t started_at_ms = monotonic_ms();

        serve(f, &script, 30000);
        f->outcome = (Outcome){};
        assert_int_equal(api_authorize_registration(f->api, &f->registration, started_at_ms + 200,
                                                    on_token, &f->outcome, &f->outcome.call),
                         0);
        run_until_ended(f, &f->outcome);
        assert_int_equal(f->outcome.r, ERROR_UNREACHABLE);
        assert_true(monotonic_ms() - started_at_ms < 30000);
        assert_int_equal(api_authorize_registration(f->api, &f->registration, started_at_ms,
                                                    on_token, &f->outcome, &f->outcome.call),
                         -ETIMEDOUT);
}

static void test_authorize_gives_up(void **state)
{
        Fixture *f = *state;
        Script script = {.lines = {SERVER_ERROR}};

        serve(f, &script, 30000);
        authorize(f);
        assert_int_equal(f->outcome.r, ERROR_UNREACHABLE);
        assert_int_equal(raw_peer_n_requests(f->peer), 5);
}

static void test_exchange_tries_once(void **state)
{
        Fixture *f = *state;
        Script scripts[] = {
                {.lines = {SERVER_ERROR, PRINCIPAL_OK}},
                {.lines = {script_cut, PRINCIPAL_OK}},
        };

        for (size_t i = 0; i < ARRAY_SIZE(scripts); i++) {
                serve(f, &scripts[i], 30000);
                exchange(f, "code");
                assert_int_equal(f->outcome.r, ERROR_UNREACHABLE);
                assert_int_equal(raw_peer_n_requests(f->peer), 1);
        }
}

static void test_exchange_on_dying_connection(void **state)
{
        Fixture *f = *state;
        Script script = {.lines = {TOKEN_OK, script_cut, PRINCIPAL_OK}};

        serve(f, &script, 30000);
        authorize(f);
        assert_int_equal(f->outcome.r, 0);
        exchange(f, "code");
        assert_int_equal(f->outcome.r, ERROR_UNREACHABLE);
        assert_int_equal(raw_peer_n_requests(f->peer), 2);
}

static const struct {
        const char *reply;
        int authorize, exchange;
        uint32_t retry_after_s;
} faults[] = {
        {script_hang, ERROR_UNREACHABLE, ERROR_UNREACHABLE, 0},
        {script_cut, ERROR_UNREACHABLE, ERROR_UNREACHABLE, 0},
        {script_huge, ERROR_MALFORMED_REPLY, ERROR_MALFORMED_REPLY, 0},
        {OK_HEAD "Content-Length: 99\r\nConnection: close\r\n\r\n{\"_tag\":", ERROR_UNREACHABLE,
         ERROR_UNREACHABLE, 0},
        {"\x15\x03\x01 Connection: close", ERROR_UNREACHABLE, ERROR_UNREACHABLE, 0},
        {OK_HEAD "Content-Length: 15\r\n\r\n<html>Hi</html>", ERROR_MALFORMED_REPLY,
         ERROR_MALFORMED_REPLY, 0},
        {OK_HEAD "Content-Length: 0\r\n\r\n", ERROR_MALFORMED_REPLY, ERROR_MALFORMED_REPLY, 0},
        {"HTTP/1.1 204 No Content\r\n\r\n", ERROR_MALFORMED_REPLY, ERROR_MALFORMED_REPLY, 0},
        {SERVER_ERROR, ERROR_UNREACHABLE, ERROR_UNREACHABLE, 0},
        {JSON_ERROR("503 Busy", "Forbidden"), ERROR_UNREACHABLE, ERROR_UNREACHABLE, 0},
        {"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", ERROR_UNREACHABLE,
         ERROR_UNREACHABLE, 0},
        {"HTTP/1.1 429 Slow\r\nRetry-After: 45\r\nContent-Length: 0\r\n\r\n", ERROR_RATE_LIMITED,
         ERROR_RATE_LIMITED, 45},
        {"HTTP/1.1 429 Slow\r\nContent-Length: 23\r\n\r\n{\"retryAfterSeconds\":9}",
         ERROR_RATE_LIMITED, ERROR_RATE_LIMITED, 9},
        {"HTTP/1.1 429 Slow\r\nRetry-After: 45\r\nContent-Length: 23\r\n\r\n"
         "{\"retryAfterSeconds\":9}",
         ERROR_RATE_LIMITED, ERROR_RATE_LIMITED, 45},
        {"HTTP/1.1 429 Slow\r\nRetry-After: 45\r\nContent-Length: 9\r\nConnection: close\r\n\r\n{",
         ERROR_RATE_LIMITED, ERROR_RATE_LIMITED, 45},
        {JSON_ERROR("403 Forbidden", "Forbidden"), ERROR_API_DENIED, ERROR_API_DENIED, 0},
        {JSON_ERROR("404 Not Found", "InvalidCode"), ERROR_BAD_REQUEST, ERROR_INVALID_CODE, 0},
        {JSON_ERROR("400 Bad Request", "BadRequest"), ERROR_BAD_REQUEST, ERROR_BAD_REQUEST, 0},
        {JSON_ERROR("401 Unauthorized", "Unauthorized"), ERROR_API_DENIED, ERROR_API_DENIED, 0},
        {"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nhm", ERROR_BAD_REQUEST,
         ERROR_BAD_REQUEST, 0},
        /* the status decides, even of a truncated reply */
        {"HTTP/1.1 403 No\r\nContent-Length: 9\r\nConnection: close\r\n\r\n{", ERROR_API_DENIED,
         ERROR_API_DENIED, 0},
        {"HTTP/1.1 413 Large\r\nContent-Length: 9\r\nConnection: close\r\n\r\n{", ERROR_BAD_REQUEST,
         ERROR_BAD_REQUEST, 0},
        {"HTTP/1.1 404 No\r\nContent-Length: 99\r\nConnection: close\r\n\r\n"
         "{\"_tag\":\"@error/InvalidCode\"}",
         ERROR_BAD_REQUEST, ERROR_BAD_REQUEST, 0},
        /* headers that contradict each other */
        {OK_HEAD "Content-Length: 2\r\nContent-Length: 3\r\nConnection: close\r\n\r\n{} ",
         ERROR_MALFORMED_REPLY, ERROR_MALFORMED_REPLY, 0},
        {"HTTP/1.1 403 No\r\nContent-Length: 2\r\nContent-Length: 3\r\nConnection: "
         "close\r\n\r\n{} ",
         ERROR_API_DENIED, ERROR_API_DENIED, 0},
        /* success replies are not interchangeable */
        {TOKEN_OK, 0, ERROR_MALFORMED_REPLY, 0},
        {PRINCIPAL_OK, ERROR_MALFORMED_REPLY, 0, 0},
};

/* A short timeout ends the retries; a long one allows them. */
static uint64_t time_for(int expected)
{
        return expected == ERROR_UNREACHABLE ? 400 : 30000;
}

static void assert_fault(Fixture *f, size_t i, int expected)
{
        if (f->outcome.r != expected)
                print_message("# fault %zu: %d\n", i, f->outcome.r);
        assert_int_equal(f->outcome.r, expected);
        assert_int_equal(f->outcome.retry_after_s,
                         expected == ERROR_RATE_LIMITED ? faults[i].retry_after_s : 0);
}

/* Each fault maps to its documented error, and the client recovers. */
static void test_faults(void **state)
{
        Fixture *f = *state;

        for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
                Script script = {.lines = {faults[i].reply}}, well = {.lines = {PRINCIPAL_OK}};

                serve(f, &script, time_for(faults[i].authorize));
                authorize(f);
                assert_fault(f, i, faults[i].authorize);
                assert_int_equal(
                        configure(f, raw_peer_port(f->peer), time_for(faults[i].exchange), f->key),
                        0);
                exchange(f, "code");
                assert_fault(f, i, faults[i].exchange);

                serve(f, &well, 30000);
                exchange(f, "code");
                assert_int_equal(f->outcome.r, 0);
        }
}

static void test_refused(void **state)
{
        Fixture *f = *state;
        _cleanup_(closep) int fd = -1;
        uint16_t port = raw_peer_reserve_port(&fd);

        assert_int_equal(configure(f, port, 400, f->key), 0);
        authorize(f);
        assert_int_equal(f->outcome.r, ERROR_UNREACHABLE);
        exchange(f, "code");
        assert_int_equal(f->outcome.r, ERROR_UNREACHABLE);
}

/* A hanging retry may use the rest of the deadline, no more. */
static void test_deadline_covers_all_attempts(void **state)
{
        Fixture *f = *state;
        Script script = {.lines = {SERVER_ERROR, script_hang}};
        uint64_t started_at_ms = monotonic_ms();

        serve(f, &script, 4000);
        authorize(f);
        assert_int_equal(f->outcome.r, ERROR_UNREACHABLE);
        assert_int_equal(raw_peer_n_requests(f->peer), 2);
        assert_in_range(monotonic_ms() - started_at_ms, 3995, 7500);
}

static void test_settings(void **state)
{
        Fixture *f = *state;
        const struct {
                const char *endpoint, *tenancy_id;
                uint64_t timeout_ms;
        } bad[] = {
                {"", "t", 1000},       {"https://a/v2", "t", 1000},    {"ftp://a", "t", 1000},
                {"a", "t", 1000},      {"https://a", "", 1000},        {"https://a", "..", 1000},
                {"https://a", "t", 0}, {"https://a", "t", UINT64_MAX},
        };
        Script script = {.lines = {TOKEN_OK}};
        ApiCall *untouched = (ApiCall *) 1;

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                Api *api = (Api *) 1;

                assert_int_equal(api_new(f->context,
                                         &(ApiSettings){.endpoint = bad[i].endpoint,
                                                        .tenancy_id = bad[i].tenancy_id,
                                                        .timeout_ms = bad[i].timeout_ms,
                                                        .key = KEY},
                                         NULL, NULL, NULL, &api),
                                 -EINVAL);
                assert_ptr_equal(api, (Api *) 1);
        }
        serve(f, &script, 30000);
        assert_int_equal(api_exchange_code(f->api, "..", on_principal, &f->outcome, &untouched),
                         -EINVAL);
        assert_int_equal(configure(f, raw_peer_port(f->peer), 30000, NULL), 0);
        assert_false(api_has_key(f->api));
        assert_int_equal(api_authorize_registration(f->api, &f->registration, 0, on_token,
                                                    &f->outcome, &untouched),
                         -ENOKEY);
        assert_int_equal(api_exchange_code(f->api, "c", on_principal, &f->outcome, &untouched),
                         -ENOKEY);
        assert_ptr_equal(untouched, (ApiCall *) 1);
}

static void test_has_settings(void **state)
{
        Fixture *f = *state;
        const ApiSettings settings = {.endpoint = "https://a",
                                      .tenancy_id = "t",
                                      .ca_file = "/ca",
                                      .timeout_ms = 1000,
                                      .account = 1,
                                      .key = KEY};
        ApiSettings differs[] = {settings, settings, settings, settings, settings, settings};

        differs[0].endpoint = "https://b";
        differs[1].tenancy_id = "u";
        differs[2].ca_file = NULL;
        differs[3].timeout_ms = 999;
        differs[4].account = 2;
        differs[5].key = 0;
        assert_int_equal(api_new(f->context, &settings, NULL, NULL, NULL, &f->api), 0);
        for (size_t i = 0; i < ARRAY_SIZE(differs); i++)
                assert_false(api_has_settings(f->api, &differs[i]));
        differs[0] = settings;
        assert_true(api_has_settings(f->api, &differs[0]));
        assert_string_equal(api_endpoint(f->api), "https://a");
        assert_string_equal(api_ca_file(f->api), "/ca");
}

static void test_new_key_on_warm_connection(void **state)
{
        Fixture *f = *state;
        Script script = {.lines = {TOKEN_OK}};
        _cleanup_(secret_unrefp) Secret *key = NULL;
        _cleanup_(freep) char *sent = NULL;

        assert_int_equal(secret_new("sk_2", 4, &key), 0);
        serve(f, &script, 30000);
        authorize(f);
        assert_int_equal(configure(f, raw_peer_port(f->peer), 30000, key), 0);
        authorize(f);
        assert_int_equal(f->outcome.r, 0);
        sent = raw_peer_request(f->peer);
        assert_non_null(strstr(sent, "\r\nAuthorization: Bearer sk_2\r\n"));
        assert_int_equal(raw_peer_n_connections(f->peer), 1);
}

static void test_calls_keep_their_settings(void **state)
{
        Fixture *f = *state;
        Outcome old = {};
        sem_t gate;
        Script script = {.lines = {SERVER_ERROR, TOKEN_OK}, .gate = &gate};
        Script other_script = {.lines = {JSON_ERROR("403 Forbidden", "Forbidden")}};
        RawPeer *other;

        sem_init(&gate, 0, 0);
        serve(f, &script, 30000);
        start_authorize(f, &old);
        while (raw_peer_n_requests(f->peer) == 0)
                assert_true(sd_event_run(f->event, 1000) >= 0);

        other = raw_peer_new(script_follow, &other_script);
        assert_int_equal(configure(f, raw_peer_port(other), 30000, f->key), 0);
        authorize(f);
        assert_int_equal(f->outcome.r, ERROR_API_DENIED);
        assert_int_equal(old.n_ended, 0);

        /* its retry goes to the same server */
        sem_post(&gate);
        sem_post(&gate);
        run_until_ended(f, &old);
        assert_int_equal(old.r, 0);
        assert_int_equal(raw_peer_n_requests(f->peer), 2);
        assert_int_equal(raw_peer_n_requests(other), 1);

        raw_peer_free(other);
        f->peer = raw_peer_free(f->peer);
        sem_destroy(&gate);
}

static void run_for(Fixture *f, uint64_t ms)
{
        uint64_t end_ms = monotonic_ms() + ms;

        while (monotonic_ms() < end_ms)
                assert_true(sd_event_run(f->event, 10000) >= 0);
}

static void test_cancel(void **state)
{
        Fixture *f = *state;
        Script script = {.lines = {script_hang}}, failing = {.lines = {SERVER_ERROR}};
        unsigned n_requests;

        assert_null(api_call_cancel(NULL));
        assert_null(api_unref(NULL));

        /* before it begins */
        serve(f, &script, 200);
        start_authorize(f, &f->outcome);
        assert_null(api_call_cancel(f->outcome.call));
        run_for(f, 250);
        assert_int_equal(f->outcome.n_ended, 0);

        /* while it waits for an answer */
        serve(f, &script, 30000);
        start_authorize(f, &f->outcome);
        while (raw_peer_n_requests(f->peer) == 0)
                assert_true(sd_event_run(f->event, 1000) >= 0);
        assert_null(api_call_cancel(f->outcome.call));
        run_for(f, 50);
        assert_int_equal(f->outcome.n_ended, 0);

        /* during or near the back-off pause: three more attempts are left */
        serve(f, &failing, 30000);
        start_authorize(f, &f->outcome);
        while (raw_peer_n_requests(f->peer) == 0)
                assert_true(sd_event_run(f->event, 1000) >= 0);
        run_for(f, 20);
        assert_null(api_call_cancel(f->outcome.call));
        n_requests = raw_peer_n_requests(f->peer);
        run_for(f, 1000);
        assert_int_equal(f->outcome.n_ended, 0);
        assert_in_range(raw_peer_n_requests(f->peer), n_requests, n_requests + 1);
}

static void free_api(const Result *result, void *userdata)
{
        const Token *token = result->token;
        Fixture *f = userdata;

        f->api = api_unref(f->api);
        f->outcome.n_ended++;
        f->outcome.r = result->r;
        if (token)
                assert_string_equal(token->token, "rt_1"); /* still lent */
}

typedef struct Observed {
        unsigned n;
        const Api *api;
        int r;
} Observed;

static void observe(const Api *api, int r, void *userdata)
{
        Observed *observed = userdata;

        *observed = (Observed){.n = observed->n + 1, .api = api, .r = r};
}

static void test_observer(void **state)
{
        Fixture *f = *state;
        Script script = {.lines = {TOKEN_OK, SERVER_ERROR, SERVER_ERROR}};
        Observed observed = {};
        ApiSettings settings = {.tenancy_id = "t", .timeout_ms = 30000, .key = KEY};
        char endpoint[64];

        serve(f, &script, 30000);
        snprintf(endpoint, sizeof(endpoint), "http://127.0.0.1:%u", raw_peer_port(f->peer));
        settings.endpoint = endpoint;
        settings.account = http_transport_add(f->transport, endpoint, f->key);
        api_unref(f->api);
        assert_int_equal(api_new(f->context, &settings, NULL, observe, &observed, &f->api), 0);
        authorize(f);
        assert_true(observed.n == 1 && observed.api == f->api && observed.r == 0);
        exchange(f, "code");
        assert_true(observed.n == 2 && observed.r == ERROR_UNREACHABLE);

        /* Neither background calls nor cancelled calls are observed. */
        assert_int_equal(api_get_passkey(f->api, "p", API_BACKGROUND, on_token, &f->outcome,
                                         &f->outcome.call),
                         0);
        f->outcome.n_ended = 0;
        run_until_ended(f, &f->outcome);
        assert_int_equal(f->outcome.r, ERROR_UNREACHABLE);
        assert_int_equal(
                api_exchange_code(f->api, "c", on_principal, &f->outcome, &f->outcome.call), 0);
        api_call_cancel(f->outcome.call);
        run_for(f, 20);
        assert_int_equal(observed.n, 2);
}

/* Success, failure after a retry, or failure by the deadline. */
static void test_function_frees_api(void **state)
{
        Fixture *f = *state;
        Script scripts[] = {{.lines = {TOKEN_OK}},
                            {.lines = {SERVER_ERROR, script_cut}},
                            {.lines = {script_hang}}};

        for (size_t i = 0; i < ARRAY_SIZE(scripts); i++) {
                Outcome other = {};
                ApiCall *call;

                serve(f, &scripts[i], 400);
                f->outcome = (Outcome){};
                assert_int_equal(
                        api_authorize_registration(f->api, &f->registration, 0, free_api, f, &call),
                        0);
                start_authorize(f, &other);
                run_until_ended(f, &f->outcome);
                assert_null(f->api);
                /* a call in flight keeps its references */
                run_until_ended(f, &other);
        }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(authorize),
                TEST(exchange),
                TEST(authorize_tries_again),
                TEST(retry_after),
                TEST(retry_after_beyond_deadline),
                TEST(no_retry_despite_retry_after),
                TEST(deadline_of_the_caller),
                TEST(authorize_gives_up),
                TEST(exchange_tries_once),
                TEST(exchange_on_dying_connection),
                TEST(faults),
                TEST(refused),
                TEST(deadline_covers_all_attempts),
                TEST(settings),
                TEST(has_settings),
                TEST(new_key_on_warm_connection),
                TEST(calls_keep_their_settings),
                TEST(cancel),
                TEST(observer),
                TEST(function_frees_api),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
