/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Each allocation fails in turn: functions return -ENOMEM, and release what they have. */

#include <errno.h>

#include "daemon/etcd/etcd-call.h"
#include "daemon/etcd/etcd-fragments.h"
#include "daemon/etcd/etcd-lines.h"
#include "daemon/etcd/etcd-snapshot.h"
#include "daemon/etcd/etcd-watch.h"
#include "daemon/json/json.h"
#include "tests/unit/daemon/etcd/scripted-transport.h"
#include "tests/unit/test.h"

#define HEADER "\"header\":{\"cluster_id\":\"7\",\"revision\":\"9\"}"
#define KV     "{\"key\":\"YS8x\",\"value\":\"eDI=\",\"mod_revision\":\"3\"}"

static unsigned n_until_failure; /* 0: never */

static bool fails(void)
{
        return n_until_failure > 0 && --n_until_failure == 0;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);

void *__wrap_malloc(size_t size)
{
        return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
        return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
        return fails() ? NULL : __real_realloc(p, size);
}

/* Calls a function until no allocation fails. It has succeeded then, and at least one has failed.
 */
static void try_all(int (*func)(void))
{
        unsigned n = 0;
        int r;

        do {
                n_until_failure = ++n;
                r = func();
                if (n_until_failure == 0)
                        assert_int_equal(r, -ENOMEM);
        } while (n_until_failure == 0);
        n_until_failure = 0;
        assert_int_equal(r, 0);
        assert_true(n > 1);
}

static int decode_reply(void)
{
        static const char body[] =
                "{" HEADER ",\"responses\":[{\"response_put\":{\"prev_kv\":" KV "}},"
                "{\"response_delete_range\":{\"prev_kvs\":[" KV "]}},"
                "{\"response_txn\":{\"responses\":[{\"response_range\":{\"kvs\":[" KV "],"
                "\"count\":\"1\"}}]}}]}";
        EtcdReply reply;
        int r;

        r = etcd_reply_decode(ETCD_REPLY_TXN, body, strlen(body), &reply);
        if (r == 0)
                etcd_reply_clear(&reply);
        return r;
}

static int decode_members(void)
{
        static const char body[] = "{" HEADER ",\"members\":[{\"ID\":\"1\",\"name\":\"n1\"}]}";
        EtcdReply reply;
        int r;

        r = etcd_reply_decode(ETCD_REPLY_MEMBERS, body, strlen(body), &reply);
        if (r == 0)
                etcd_reply_clear(&reply);
        return r;
}

static int on_line(const char *line, size_t len, void *userdata)
{
        EtcdWatchReply reply;
        int r;

        r = etcd_watch_reply_decode(line, len, &reply);
        if (r != 0)
                return r;
        r = etcd_fragments_join(userdata, &reply);
        etcd_watch_reply_clear(&reply);
        return r;
}

static int read_stream(void)
{
        static const char stream[] =
                "{\"result\":{" HEADER ",\"fragment\":true,\"events\":[{\"kv\":" KV
                ",\"prev_kv\":" KV "}]}}\n"
                "{\"result\":{" HEADER ",\"events\":[{\"kv\":" KV "}]}}\n";
        EtcdFragments fragments = {};
        EtcdLines lines = {};
        int r = 0;

        for (size_t i = 0; i < strlen(stream) && r == 0; i++)
                r = etcd_lines_feed(&lines, stream + i, 1, on_line, &fragments);
        etcd_lines_clear(&lines);
        etcd_fragments_clear(&fragments);
        return r;
}

static int read_error(void)
{
        static const char body[] = "{\"code\":7,\"message\":\"etcdserver: permission denied\"}";
        EtcdFailure failure;

        (void) etcd_failure_of_reply(0, 403, body, strlen(body), &failure);
        return failure.error < 0 ? failure.error : 0;
}

static sd_event *event;
static EtcdClient *client;

static int make_client(void)
{
        const EtcdClientOptions options = {.probe_key = ETCD_BYTES("probe")};
        EtcdClient *c;
        int r;

        r = etcd_client_new(event, &script_transport, &options, NULL, NULL, &c);
        if (r == 0)
                etcd_client_free(c);
        return r;
}

static void on_reply(int r, const EtcdReply *reply, void *userdata)
{
}

static int start_txn(void)
{
        const EtcdOp op = {.kind = ETCD_OP_PUT, .put = {.key = ETCD_BYTES("a")}};
        EtcdCall *call;
        int r;

        r = etcd_txn_start(client, &(EtcdTxn){.success = &op, .n_success = 1}, NULL, on_reply, NULL,
                           &call);
        if (r == 0)
                etcd_call_cancel(call);
        return r;
}

static void on_watch(const EtcdWatchNews *news, void *userdata)
{
}

static int make_watch(void)
{
        const EtcdWatchOptions options = {.prefix = ETCD_BYTES("a/"), .revision = 1};
        EtcdWatch *watch;
        int r;

        r = etcd_watch_new(client, &options, on_watch, NULL, &watch);
        if (r == 0)
                etcd_watch_free(watch);
        return r;
}

static void on_snapshot(const EtcdSnapshotNews *news, void *userdata)
{
}

static int make_snapshot(void)
{
        EtcdSnapshot *snapshot;
        int r;

        r = etcd_snapshot_new(client, &(EtcdSnapshotOptions){.prefix = ETCD_BYTES("a/")},
                              on_snapshot, NULL, &snapshot);
        if (r == 0)
                etcd_snapshot_free(snapshot);
        return r;
}

static void test_decoding(void **state)
{
        try_all(decode_reply);
        try_all(decode_members);
        try_all(read_stream);
        try_all(read_error);
}

static void test_client(void **state)
{
        const EtcdClientOptions options = {.probe_key = ETCD_BYTES("probe")};

        script_reset();
        assert_true(sd_event_new(&event) >= 0);
        try_all(make_client);
        assert_int_equal(etcd_client_new(event, &script_transport, &options, NULL, NULL, &client),
                         0);
        try_all(start_txn);
        try_all(make_watch);
        try_all(make_snapshot);
        client = etcd_client_free(client);
        event = sd_event_unref(event);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_decoding),
                cmocka_unit_test(test_client),
        };

        /* jansson allocates by the functions that fail. */
        json_wipe_memory();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
