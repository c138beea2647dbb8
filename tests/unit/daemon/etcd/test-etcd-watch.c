/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/jitter.h"
#include "daemon/etcd/etcd-watch.h"
#include "tests/unit/daemon/etcd/scripted-transport.h"
#include "tests/unit/test.h"

/* "probe" and "a/" in base64. */
#define PROBE "cHJvYmU="
#define CHECK "\"key\":\"YS8=\""

#define HEADER(revision)         "\"header\":{\"cluster_id\":\"7\",\"revision\":\"" #revision "\"}"
#define REPLY(revision)          "{" HEADER(revision) "}"
#define CREATED                  "{\"result\":{" HEADER(5) ",\"created\":true}}"
#define PROGRESS(revision)       "{\"result\":{" HEADER(revision) "}}"
#define PUT(key, revision)       "{\"kv\":{\"key\":\"" key "\",\"mod_revision\":\"" #revision "\"}}"
#define EVENTS(revision, events) "{\"result\":{" HEADER(revision) ",\"events\":[" events "]}}"

static sd_event *event;
static EtcdClient *client;
static EtcdWatch *watch;
static char news_text[512];
static bool free_in_func;

uint64_t jitter_ms(uint64_t base_ms)
{
        return 1;
}

static void on_news(const EtcdWatchNews *news, void *userdata)
{
        char *at = news_text + strlen(news_text);
        size_t size = sizeof(news_text) - strlen(news_text);

        if (news->kind == ETCD_WATCH_EVENTS)
                snprintf(at, size, "%" PRId64 ":%zu ", news->revision, news->n_events);
        else if (news->kind == ETCD_WATCH_MARK)
                snprintf(at, size, "mark:%" PRId64 " ", news->revision);
        else
                snprintf(at, size, "end:%d,%" PRId64 ",%" PRId64 " ", news->error, news->revision,
                         news->compact_revision);
        if (free_in_func)
                watch = etcd_watch_free(watch);
}

static void assert_news(const char *expected)
{
        assert_string_equal(news_text, expected);
        news_text[0] = '\0';
}

static int set_up(void **state)
{
        const EtcdClientOptions options = {.probe_key = ETCD_BYTES("probe")};

        script_reset();
        news_text[0] = '\0';
        free_in_func = false;
        if (sd_event_new(&event) < 0)
                return -1;
        return etcd_client_new(event, &script_transport, &options, NULL, NULL, &client);
}

static int tear_down(void **state)
{
        watch = etcd_watch_free(watch);
        client = etcd_client_free(client);
        event = sd_event_unref(event);
        script_reset();
        return 0;
}

static void answer_probe(unsigned endpoint, const char *reply)
{
        script_reply(script_await(event, ETCD_KV_RANGE, endpoint, PROBE), 0, 200, reply);
}

/* Opens the stream at endpoint 0. */
static EtcdExchange *start_watch(uint64_t check_ms, uint64_t silence_max_ms)
{
        const EtcdWatchOptions options = {
                .prefix = ETCD_BYTES("a/"),
                .revision = 5,
                .check_ms = check_ms,
                .silence_max_ms = silence_max_ms,
        };
        EtcdExchange *stream;

        assert_int_equal(etcd_watch_new(client, &options, on_news, NULL, &watch), 0);
        answer_probe(0, REPLY(5));
        stream = script_await(event, ETCD_WATCH, 0, "\"start_revision\":\"6\"");
        assert_true(stream->require_leader);
        assert_false(etcd_watch_is_open(watch));
        script_line(stream, CREATED);
        assert_true(etcd_watch_is_open(watch));
        return stream;
}

static void test_events(void **state)
{
        EtcdExchange *stream = start_watch(0, 0);

        script_line(stream, EVENTS(9, PUT("YS8x", 6) "," PUT("YS8y", 6) "," PUT("YS8x", 8)));
        assert_news("6:2 8:1 ");
        assert_int_equal(etcd_watch_revision(watch), 8);
        script_line(stream, PROGRESS(12));
        assert_news("mark:12 ");
        script_line(stream, PROGRESS(12));
        assert_news("");
        assert_true(etcd_watch_heard_at_ms(watch) > 0);
}

#define FRAGMENT(revision, events) \
        "{\"result\":{" HEADER(revision) ",\"fragment\":true,\"events\":[" events "]}}"

/* A revision whose events are in several messages is delivered at once. */
static void test_fragments(void **state)
{
        EtcdExchange *stream = start_watch(0, 0);

        script_line(stream, FRAGMENT(9, PUT("YS8x", 6) "," PUT("YS8x", 7) "," PUT("YS8y", 7)));
        assert_news("6:1 ");
        script_line(stream, FRAGMENT(9, PUT("YS8z", 7)));
        assert_news("");
        script_line(stream, FRAGMENT(9, ""));
        script_line(stream, EVENTS(9, PUT("YS8w", 7) "," PUT("YS8x", 8)));
        assert_news("7:4 8:1 ");
        /* The rest is delivered by another stream. */
        script_line(stream, FRAGMENT(9, PUT("YS8x", 9)));
        script_reply(stream, 0, 200, NULL);
        answer_probe(0, REPLY(9));
        stream = script_await(event, ETCD_WATCH, 0, "\"start_revision\":\"9\"");
        script_line(stream, CREATED);
        script_line(stream, FRAGMENT(9, PUT("YS8x", 9)));
        script_line(stream, EVENTS(9, PUT("YS8y", 8)));
        assert_false(etcd_watch_is_open(watch));
        assert_news("");
}

/* Events are delivered once across streams. */
static void test_reconnect(void **state)
{
        EtcdExchange *stream = start_watch(0, 0);

        script_line(stream, EVENTS(6, PUT("YS8x", 6)));
        script_reply(stream, 0, 200, NULL);
        answer_probe(2, REPLY(9));
        stream = script_await(event, ETCD_WATCH, 2, "\"start_revision\":\"7\"");
        script_line(stream, CREATED);
        script_line(stream, EVENTS(8, PUT("YS8x", 6) "," PUT("YS8x", 7)));
        assert_news("6:1 7:1 ");
        /* A line that is cut off is no event. */
        stream->data("{\"result\":", 10, stream->userdata);
        script_reply(stream, -EPROTO, 0, NULL);
        answer_probe(0, REPLY(9));
        stream = script_await(event, ETCD_WATCH, 0, "\"start_revision\":\"8\"");
        script_line(stream, CREATED);
        script_line(stream, EVENTS(8, PUT("YS8x", 8)));
        assert_news("8:1 ");
}

/* Lines that are wrong, and errors: another stream. */
static void test_failures(void **state)
{
        static const char *const lines[] = {
                "garbage", "{\"error\":{\"grpc_code\":14,\"message\":\"etcdserver: no leader\"}}",
                "{\"result\":{" HEADER(5) ",\"canceled\":true}}",
                EVENTS(6, PUT("Yi8x", 6)), /* another prefix */
        };
        EtcdExchange *stream = start_watch(0, 0);

        for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
                script_line(stream, lines[i]);
                assert_false(etcd_watch_is_open(watch));
                answer_probe(0, REPLY(9));
                stream = script_await(event, ETCD_WATCH, 0, "\"start_revision\":\"6\"");
                script_line(stream, CREATED);
        }
        assert_news("");
}

static void test_ends(void **state)
{
        static const struct {
                const char *line, *news;
        } cases[] = {
                {"{\"result\":{" HEADER(9) ",\"canceled\":true,\"compact_revision\":\"8\"}}",
                 "end:1008,5,8 "},
                {"{\"result\":{" HEADER(9) ",\"canceled\":true,\"cancel_reason\":"
                                           "\"rpc error: code = PermissionDenied desc = "
                                           "etcdserver: permission denied\"}}",
                 "end:1004,5,0 "},
                {"{\"error\":\"etcdserver: user name is empty\",\"code\":3,\"message\":"
                 "\"etcdserver: user name is empty\"}",
                 "end:1004,5,0 "},
                {"{\"result\":{\"header\":{\"cluster_id\":\"8\",\"revision\":\"9\"}}}",
                 "end:1012,5,0 "},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases) * 2; i++) {
                EtcdExchange *stream = start_watch(0, 0);

                free_in_func = i % 2;
                script_line(stream, cases[i / 2].line);
                assert_news(cases[i / 2].news);
                script_run_ready(event);
                assert_null(script_find(ETCD_WATCH, 0, ""));
                assert_news("");
                assert_int_equal(tear_down(state), 0);
                assert_int_equal(set_up(state), 0);
        }
}

/* The member refuses the stream; but if the transport lacks credentials, it is tried again. */
static void test_denied(void **state)
{
        EtcdExchange *stream = start_watch(0, 0);

        script_reply(stream, -EACCES, 0, NULL);
        answer_probe(0, REPLY(5));
        script_reply(script_await(event, ETCD_WATCH, 0, ""), 0, 403, NULL);
        assert_news("end:1004,5,0 ");
}

/* The owner frees the watch in the middle of a response, and of a chunk. */
static void test_free_in_func(void **state)
{
        EtcdExchange *stream = start_watch(0, 0);

        free_in_func = true;
        script_line(stream, EVENTS(9, PUT("YS8x", 6) "," PUT("YS8y", 7)) "\n" PROGRESS(9));
        assert_news("6:1 ");
        assert_null(watch);
        assert_null(script_find(ETCD_WATCH, 0, ""));
}

/* A stopped client ends the watch. */
static void test_client_stops(void **state)
{
        (void) start_watch(1, 0);
        script_reply(script_await(event, ETCD_KV_RANGE, 0, CHECK), 0, 200, REPLY(4));
        script_run_ready(event);
        assert_news("end:1013,5,0 ");
}

/* The watch is fresh when the events up to the revision of a check have been delivered. */
static void test_check(void **state)
{
        EtcdExchange *stream = start_watch(1, 0);
        uint64_t heard_at_ms;

        assert_int_equal(etcd_watch_heard_at_ms(watch), 0);
        script_reply(script_await(event, ETCD_KV_RANGE, 0, CHECK), 0, 200, REPLY(5));
        heard_at_ms = etcd_watch_heard_at_ms(watch);
        assert_true(heard_at_ms > 0);
        (void) script_await(event, ETCD_KV_RANGE, 0, CHECK);
        script_run_until(event, monotonic_ms() > heard_at_ms + 10);
        script_reply(script_await(event, ETCD_KV_RANGE, 0, CHECK), 0, 200, REPLY(7));
        assert_int_equal(etcd_watch_heard_at_ms(watch), heard_at_ms);
        script_line(stream, EVENTS(6, PUT("YS8x", 6)));
        assert_int_equal(etcd_watch_heard_at_ms(watch), heard_at_ms);
        script_line(stream, EVENTS(7, PUT("YS8x", 7)));
        assert_true(etcd_watch_heard_at_ms(watch) > heard_at_ms);
        assert_news("6:1 7:1 ");
}

/* The revision is one of other keys: no event comes. */
static void test_check_settles(void **state)
{
        EtcdExchange *stream = start_watch(1, 0);
        uint64_t message_ms;

        script_reply(script_await(event, ETCD_KV_RANGE, 0, CHECK), 0, 200, REPLY(8));
        message_ms = monotonic_ms();
        script_run_until(event, monotonic_ms() > message_ms + 500);
        /* The member catches up. */
        message_ms = monotonic_ms();
        script_line(stream, EVENTS(8, PUT("YS8x", 6)));
        script_run_until(event, etcd_watch_heard_at_ms(watch) > 0);
        assert_true(monotonic_ms() >= message_ms + 1000);
        assert_news("6:1 ");
}

/* Likewise, but the stream has been silent: another one is opened. */
static void test_silent_stream(void **state)
{
        EtcdExchange *stream = start_watch(1, 10);

        script_reply(script_await(event, ETCD_KV_RANGE, 0, CHECK), 0, 200, REPLY(7));
        script_run_until(event, !etcd_watch_is_open(watch));
        assert_int_equal(etcd_watch_heard_at_ms(watch), 0);
        stream = script_await(event, ETCD_WATCH, 0, "\"start_revision\":\"6\"");
        script_line(stream, CREATED);
        script_line(stream, EVENTS(7, PUT("YS8x", 7)));
        assert_news("7:1 ");
}

/* A failed check closes the stream. */
static void test_check_fails(void **state)
{
        (void) start_watch(1, 0);
        script_reply(script_await(event, ETCD_KV_RANGE, 0, CHECK), -ETIMEDOUT, 0, NULL);
        assert_null(script_find(ETCD_WATCH, 0, ""));
        answer_probe(1, REPLY(5));
        script_line(script_await(event, ETCD_WATCH, 1, "\"start_revision\":\"6\""), CREATED);
        assert_true(etcd_watch_is_open(watch));
}

/* The watch follows the client to another endpoint. */
static void test_follows_client(void **state)
{
        (void) start_watch(0, 0);
        etcd_client_endpoints_changed(client);
        answer_probe(2, REPLY(5));
        script_line(script_await(event, ETCD_WATCH, 2, "\"start_revision\":\"6\""), CREATED);
        assert_null(script_find(ETCD_WATCH, 0, ""));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(test_events),         TEST(test_fragments),     TEST(test_reconnect),
                TEST(test_failures),       TEST(test_ends),          TEST(test_denied),
                TEST(test_free_in_func),   TEST(test_client_stops),  TEST(test_check),
                TEST(test_check_settles),  TEST(test_silent_stream), TEST(test_check_fails),
                TEST(test_follows_client),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
