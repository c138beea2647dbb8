/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Replies of a compromised etcd. The first byte selects the decoder: up to ETCD_REPLY_MEMBERS, the
 * kind of the reply; with bit 7, the stream of a watch, whose chunk length is in the other bits;
 * otherwise, a reply with an error.
 */

#include <jansson.h>

#include "daemon/etcd/base64.h"
#include "daemon/etcd/etcd-error.h"
#include "daemon/etcd/etcd-fragments.h"
#include "daemon/etcd/etcd-lines.h"
#include "daemon/etcd/etcd-reply.h"
#include "daemon/json/json.h"
#include "tests/fuzz/fuzz.h"

#define STREAM 0x80U

int LLVMFuzzerInitialize(int *argc _unused_, char ***argv _unused_)
{
        json_object_seed(1);
        json_wipe_memory();
        return 0;
}

static void check_bytes(EtcdBytes bytes)
{
        assert(((const char *) bytes.data)[bytes.len] == '\0');
}

static void check_kv(const EtcdKv *kv)
{
        assert(kv->key.len > 0 && kv->mod_revision > 0);
        assert(kv->create_revision >= 0 && kv->version >= 0 && kv->lease >= 0);
        check_bytes(kv->key);
        check_bytes(kv->value);
}

static void check_range(const EtcdRangeReply *range)
{
        assert(range->count >= 0 && (uint64_t) range->count >= range->n_kvs);
        for (size_t i = 0; i < range->n_kvs; i++)
                check_kv(range->kvs + i);
}

static void check_txn(const EtcdTxnReply *txn, unsigned depth)
{
        assert(depth <= ETCD_TXN_DEPTH_MAX && txn->n_replies <= ETCD_TXN_OPS_MAX);
        for (size_t i = 0; i < txn->n_replies; i++) {
                const EtcdOpReply *op = txn->replies + i;

                if (op->kind == ETCD_OP_TXN)
                        check_txn(&op->txn, depth + 1);
                else if (op->kind == ETCD_OP_RANGE)
                        check_range(&op->range);
                else if (op->kind == ETCD_OP_PUT && op->put.prev_kv)
                        check_kv(op->put.prev_kv);
                for (size_t j = 0; op->kind == ETCD_OP_DELETE && j < op->delete_range.n_prev_kvs;
                     j++)
                        check_kv(op->delete_range.prev_kvs + j);
        }
}

static void check_reply(const EtcdReply *reply)
{
        assert(reply->header.revision >= 0);
        assert(reply->header.cluster_id > 0 || reply->kind == ETCD_REPLY_ALARMS);
        if (reply->kind == ETCD_REPLY_RANGE)
                check_range(&reply->range);
        else if (reply->kind == ETCD_REPLY_TXN)
                check_txn(&reply->txn, 1);
        else if (reply->kind == ETCD_REPLY_STATUS)
                assert(reply->status.version);
        else if (reply->kind == ETCD_REPLY_LEASE_GRANT)
                assert(reply->lease.id > 0 && reply->lease.ttl_s > 0);
        for (size_t i = 0; reply->kind == ETCD_REPLY_MEMBERS && i < reply->members.n_members; i++)
                assert(reply->members.members[i].id > 0 && reply->members.members[i].name);
}

static void decode_reply(EtcdReplyKind kind, const char *body, size_t len)
{
        EtcdReply reply;
        int r;

        r = etcd_reply_decode(kind, body, len, &reply);
        assert(r >= 0);
        if (r != 0)
                return;
        check_reply(&reply);
        etcd_reply_clear(&reply);
}

/* Revisions ascend within a message, also with events of earlier fragments. */
static void check_watch(const EtcdWatchReply *reply)
{
        int64_t revision = 0;

        for (size_t i = 0; i < reply->n_events; i++) {
                check_kv(&reply->events[i].kv);
                if (reply->events[i].prev_kv)
                        check_kv(reply->events[i].prev_kv);
                assert(reply->events[i].kv.mod_revision >= revision);
                revision = reply->events[i].kv.mod_revision;
        }
}

static int on_line(const char *line, size_t len, void *userdata)
{
        EtcdFragments *fragments = userdata;
        EtcdWatchReply reply;
        int r;

        assert(len > 0 && !memchr(line, '\n', len));
        r = etcd_watch_reply_decode(line, len, &reply);
        assert(r >= 0);
        if (r != 0)
                return 0;
        assert(reply.cancel_reason && reply.header.cluster_id > 0);
        check_watch(&reply);
        r = etcd_fragments_join(fragments, &reply);
        assert(r >= 0);
        if (r == 0)
                check_watch(&reply);
        else
                etcd_fragments_clear(fragments);
        etcd_watch_reply_clear(&reply);
        return 0;
}

static void decode_stream(const char *data, size_t len, size_t chunk_len)
{
        EtcdFragments fragments = {};
        EtcdLines lines = {};

        for (size_t i = 0; i < len; i += chunk_len)
                assert(etcd_lines_feed(&lines, data + i, len - i < chunk_len ? len - i : chunk_len,
                                       on_line, &fragments) == 0);
        etcd_lines_clear(&lines);
        etcd_fragments_clear(&fragments);
}

/* An error has a text. Decoded base64 encodes to the same text again. */
static void decode_error(const char *body, size_t len)
{
        _cleanup_(freep) char *data = malloc(len + 1), *text = malloc(len + 1);
        EtcdFailure failure = {};
        size_t n;

        assert(data && text);
        assert(etcd_failure_of_reply(0, 503, body, len, &failure));
        assert(failure.error > 0 && *etcd_error_text(failure.error));
        if (base64_decode(body, len, data, &n) == 0) {
                base64_encode(data, n, text);
                assert(strlen(text) == len && memcmp(text, body, len) == 0);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_(freep) char *text = NULL;

        if (size == 0)
                return 0;
        text = fuzz_text(data + 1, size - 1);
        if (data[0] & STREAM)
                decode_stream(text, size - 1, (data[0] & 0x7f) + 1U);
        else if (data[0] <= ETCD_REPLY_MEMBERS)
                decode_reply((EtcdReplyKind) data[0], text, size - 1);
        else
                decode_error(text, size - 1);
        return 0;
}
