/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "daemon/etcd/etcd-snapshot.h"
#include "tests/unit/daemon/etcd/scripted-transport.h"
#include "tests/unit/test.h"

/* "probe" in base64. */
#define PROBE "cHJvYmU="

#define HEADER(revision) "\"header\":{\"cluster_id\":\"7\",\"revision\":\"" #revision "\"}"
#define KV(key)          "{\"key\":\"" key "\",\"mod_revision\":\"2\"}"
#define PAGE(revision, kvs, more, count) \
        "{" HEADER(revision) ",\"kvs\":[" kvs "],\"more\":" #more ",\"count\":\"" #count "\"}"
#define COMPACTED \
        "{\"code\":11,\"message\":\"etcdserver: mvcc: required revision has been compacted\"}"

/* "a/1" to "a/4", and "a/2\0" in base64. */
#define KEY_1       "YS8x"
#define KEY_2       "YS8y"
#define KEY_3       "YS8z"
#define KEY_4       "YS80"
#define AFTER_KEY_2 "YS8yAA=="

static sd_event *event;
static EtcdClient *client;
static EtcdSnapshot *snapshot;
static char news_text[512];
static bool next_in_func;

static void on_news(const EtcdSnapshotNews *news, void *userdata)
{
        char *at = news_text + strlen(news_text);
        size_t size = sizeof(news_text) - strlen(news_text);

        if (news->kind == ETCD_SNAPSHOT_PAGE)
                snprintf(at, size, "%" PRId64 ":%zu/%" PRId64 "%s ", news->revision, news->n_kvs,
                         news->count, news->is_last ? "." : "");
        else if (news->kind == ETCD_SNAPSHOT_RESTART)
                strcat(news_text, "restart ");
        else
                snprintf(at, size, "failed:%d ", news->error);
        if (news->kind == ETCD_SNAPSHOT_PAGE && !news->is_last && next_in_func)
                assert_int_equal(etcd_snapshot_next(snapshot), 0);
}

static int set_up(void **state)
{
        const EtcdClientOptions client_options = {.probe_key = ETCD_BYTES("probe")};
        const EtcdSnapshotOptions options = {.prefix = ETCD_BYTES("a/"), .page_limit = 2};

        script_reset();
        news_text[0] = '\0';
        next_in_func = true;
        if (sd_event_new(&event) < 0 ||
            etcd_client_new(event, &script_transport, &client_options, NULL, NULL, &client) < 0 ||
            etcd_snapshot_new(client, &options, on_news, NULL, &snapshot) < 0)
                return -1;
        script_reply(script_await(event, ETCD_KV_RANGE, 0, PROBE), 0, 200, "{" HEADER(5) "}");
        return 0;
}

static int tear_down(void **state)
{
        snapshot = etcd_snapshot_free(snapshot);
        client = etcd_client_free(client);
        event = sd_event_unref(event);
        script_reset();
        return 0;
}

static void answer(const char *text, unsigned status, const char *body)
{
        script_reply(script_await(event, ETCD_KV_RANGE, 0, text), 0, status, body);
}

#define FIRST "{\"key\":\"YS8=\",\"range_end\":\"YTA=\",\"limit\":\"2\"}"

static void test_pages(void **state)
{
        answer(FIRST, 200, PAGE(6, KV(KEY_1) "," KV(KEY_2), true, 3));
        answer("{\"key\":\"" AFTER_KEY_2 "\",\"range_end\":\"YTA=\",\"limit\":\"2\","
               "\"revision\":\"6\"}",
               200, PAGE(9, KV(KEY_3), false, 1));
        assert_string_equal(news_text, "6:2/3 6:1/1. ");
}

#define RANGE(key, end) \
        "{\"key\":\"" key "\",\"range_end\":\"" end "\",\"limit\":\"2\",\"revision\":\"6\"}"

/* "a/3", "a/;" and "a/{" with seven NULs, in base64. */
#define END_2 "YS8zAAAAAAAAAA=="
#define END_3 "YS87AAAAAAAAAA=="
#define END_4 "YS97AAAAAAAAAA=="

/* While many keys remain, pages have ranges of their own. An empty page is not told, and the next
 * range is longer, until it ends with the prefix. */
static void test_ranges_of_pages(void **state)
{
        answer(FIRST, 200, PAGE(6, KV(KEY_1) "," KV(KEY_2), true, 100));
        answer(RANGE(AFTER_KEY_2, END_2), 200, PAGE(6, "", false, 0));
        assert_string_equal(news_text, "6:2/100 ");
        answer(RANGE(END_2, END_3), 200, PAGE(6, KV(KEY_4), false, 1));
        assert_string_equal(news_text, "6:2/100 6:1/98 ");
        answer(RANGE(END_3, END_4), 200, PAGE(6, "", false, 0));
        answer(RANGE(END_4, "YTA="), 200, PAGE(6, "", false, 0));
        assert_string_equal(news_text, "6:2/100 6:1/98 6:0/0. ");
}

/* A key behind the end of the page. */
static void test_range_is_exceeded(void **state)
{
        answer(FIRST, 200, PAGE(6, KV(KEY_1) "," KV(KEY_2), true, 100));
        answer(RANGE(AFTER_KEY_2, END_2), 200, PAGE(6, KV(KEY_4), false, 1));
        assert_string_equal(news_text, "6:2/100 failed:1011 ");
}

/* A page that was too long makes later pages shorter. */
static void test_shorter_pages(void **state)
{
        script_reply(script_await(event, ETCD_KV_RANGE, 0, FIRST), -EMSGSIZE, 0, NULL);
        answer("\"limit\":\"1\"", 200, PAGE(6, KV(KEY_1), true, 3));
        answer("\"limit\":\"1\"", 200, PAGE(6, KV(KEY_2), false, 1));
        assert_string_equal(news_text, "6:1/3 6:1/1. ");
}

/* The next page is read ahead, but the owner asks for it later. */
static void test_back_pressure(void **state)
{
        next_in_func = false;
        answer(FIRST, 200, PAGE(6, KV(KEY_1) "," KV(KEY_2), true, 3));
        answer(AFTER_KEY_2, 200, PAGE(9, KV(KEY_3), false, 1));
        script_run_ready(event);
        assert_null(script_exchanges);
        assert_string_equal(news_text, "6:2/3 ");
        assert_int_equal(etcd_snapshot_next(snapshot), 0);
        assert_string_equal(news_text, "6:2/3 6:1/1. ");
}

/* An owner that stores a page is not told to discard it before it asks for the next one. */
static void test_compacted_ahead(void **state)
{
        next_in_func = false;
        answer(FIRST, 200, PAGE(6, KV(KEY_1) "," KV(KEY_2), true, 3));
        answer(AFTER_KEY_2, 400, COMPACTED);
        assert_string_equal(news_text, "6:2/3 ");
        assert_int_equal(etcd_snapshot_next(snapshot), 0);
        assert_string_equal(news_text, "6:2/3 restart ");
        answer(FIRST, 200, PAGE(9, KV(KEY_1), false, 1));
        assert_string_equal(news_text, "6:2/3 restart 9:1/1. ");
}

static void test_denied_ahead(void **state)
{
        next_in_func = false;
        answer(FIRST, 200, PAGE(6, KV(KEY_1) "," KV(KEY_2), true, 3));
        answer(AFTER_KEY_2, 403, "{\"code\":7,\"message\":\"etcdserver: permission denied\"}");
        assert_string_equal(news_text, "6:2/3 ");
        assert_int_equal(etcd_snapshot_next(snapshot), 0);
        assert_string_equal(news_text, "6:2/3 failed:1004 ");
}

static void test_free_ahead(void **state)
{
        next_in_func = false;
        answer(FIRST, 200, PAGE(6, KV(KEY_1) "," KV(KEY_2), true, 3));
        answer(AFTER_KEY_2, 200, PAGE(9, KV(KEY_3), false, 1));
        snapshot = etcd_snapshot_free(snapshot);
}

static void test_compacted(void **state)
{
        answer(FIRST, 200, PAGE(6, KV(KEY_1) "," KV(KEY_2), true, 3));
        answer(AFTER_KEY_2, 400, COMPACTED);
        assert_string_equal(news_text, "6:2/3 restart ");
        answer(FIRST, 200, PAGE(9, KV(KEY_1), false, 1));
        assert_string_equal(news_text, "6:2/3 restart 9:1/1. ");
}

static void test_long_page(void **state)
{
        script_reply(script_await(event, ETCD_KV_RANGE, 0, "\"limit\":\"2\""), -EMSGSIZE, 0, NULL);
        answer("\"limit\":\"1\"", 200, PAGE(6, KV(KEY_1), false, 1));
        assert_string_equal(news_text, "6:1/1. ");
}

static void test_too_long(void **state)
{
        script_reply(script_await(event, ETCD_KV_RANGE, 0, "\"limit\":\"2\""), -EMSGSIZE, 0, NULL);
        script_reply(script_await(event, ETCD_KV_RANGE, 0, "\"limit\":\"1\""), -EMSGSIZE, 0, NULL);
        assert_string_equal(news_text, "failed:1006 ");
}

/* Keys that are out of order, repeated, too many or of another prefix. */
static void test_malformed(void **state)
{
        static const char *const pages[] = {
                PAGE(6, KV(KEY_2) "," KV(KEY_1), true, 3),
                PAGE(6, KV(KEY_1) "," KV(KEY_1), true, 3),
                PAGE(6, KV(KEY_1) "," KV(KEY_2) "," KV(KEY_3), false, 3),
                PAGE(6, KV("Yi8x"), false, 1),
                PAGE(6, KV("YQ=="), false, 1),
        };

        for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
                answer(FIRST, 200, pages[i]);
                assert_string_equal(news_text, "failed:1011 ");
                assert_int_equal(tear_down(state), 0);
                assert_int_equal(set_up(state), 0);
        }
        /* The second page repeats the first. */
        answer(FIRST, 200, PAGE(6, KV(KEY_1) "," KV(KEY_2), true, 3));
        answer(AFTER_KEY_2, 200, PAGE(6, KV(KEY_2), false, 1));
        assert_string_equal(news_text, "6:2/3 failed:1011 ");
}

static void test_denied(void **state)
{
        answer(FIRST, 403, "{\"code\":7,\"message\":\"etcdserver: permission denied\"}");
        assert_string_equal(news_text, "failed:1004 ");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(test_pages),           TEST(test_back_pressure),
                TEST(test_compacted_ahead), TEST(test_denied_ahead),
                TEST(test_free_ahead),      TEST(test_compacted),
                TEST(test_ranges_of_pages), TEST(test_range_is_exceeded),
                TEST(test_shorter_pages),   TEST(test_long_page),
                TEST(test_too_long),        TEST(test_malformed),
                TEST(test_denied),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
