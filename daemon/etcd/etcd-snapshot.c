/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/log.h"
#include "daemon/etcd/etcd-client-internal.h"
#include "daemon/etcd/etcd-snapshot.h"
#include "daemon/etcd/key-stride.h"

/* The event loop decodes some 100 keys a millisecond. */
#define PAGE_LIMIT 1000
#define PAGES_MANY 4  /* from here on, a page has a range of its own: see key-stride.h */
#define TRIES_MS   5U /* times the deadline of the client */

/* Calls wait for the cluster so long; then they are repeated. */
#define CALL_TIMEOUT_MS 60000U

struct EtcdSnapshot {
        EtcdClient *client;
        EtcdSnapshotFunc func;
        void *userdata;
        uint8_t *prefix, *end;
        size_t prefix_len, end_len;
        uint8_t *next_key; /* the page begins there; NULL: at the prefix */
        size_t next_key_len;
        uint8_t *page_end; /* the range of the page ends there; NULL: at the end of all keys */
        size_t page_end_len;
        KeyStride stride;
        int64_t limit;
        int64_t remaining; /* keys from next_key on, as etcd told with the first page */
        uint64_t try_ms;
        int64_t revision; /* 0: that of the first page */
        EtcdCall *call;   /* in flight, or NULL */
        bool is_wanted;   /* the owner has asked for the page */
        bool is_held;     /* the page has arrived before */
        int held_r;
        EtcdReply held; /* its memory is its arena's */
        bool ended;
};

static EtcdBytes next_key(const EtcdSnapshot *snapshot)
{
        return snapshot->next_key ? (EtcdBytes){snapshot->next_key, snapshot->next_key_len}
                                  : (EtcdBytes){snapshot->prefix, snapshot->prefix_len};
}

static int compare_keys(EtcdBytes a, EtcdBytes b)
{
        int c = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);

        return c != 0 ? c : (a.len > b.len) - (a.len < b.len);
}

static EtcdBytes page_end(const EtcdSnapshot *snapshot)
{
        return snapshot->page_end ? (EtcdBytes){snapshot->page_end, snapshot->page_end_len}
                                  : (EtcdBytes){snapshot->end, snapshot->end_len};
}

/* Keys ascend from the one that was asked for to the end of the page, and have the prefix. */
static bool page_is_right(const EtcdSnapshot *snapshot, const EtcdRangeReply *range)
{
        EtcdBytes before = next_key(snapshot);

        if (range->n_kvs > (uint64_t) snapshot->limit)
                return false;
        for (size_t i = 0; i < range->n_kvs; i++) {
                EtcdBytes key = range->kvs[i].key;
                int c = compare_keys(before, key);

                if (c > 0 || (c == 0 && i > 0) || key.len < snapshot->prefix_len ||
                    memcmp(key.data, snapshot->prefix, snapshot->prefix_len) != 0)
                        return false;
                before = key;
        }
        return !snapshot->page_end || range->n_kvs == 0 ||
               compare_keys(before, page_end(snapshot)) < 0;
}

/* The key right after the last one of a page, or of its range if there are no more in that. */
static int set_next_key(EtcdSnapshot *snapshot, const EtcdRangeReply *range)
{
        EtcdBytes last = range->more ? range->kvs[range->n_kvs - 1].key : page_end(snapshot);
        size_t len = last.len + range->more;
        uint8_t *key = calloc(1, len);

        if (!key)
                return -ENOMEM;
        memcpy(key, last.data, last.len);
        free(snapshot->next_key);
        snapshot->next_key = key;
        snapshot->next_key_len = len;
        return 0;
}

static int set_page_end(EtcdSnapshot *snapshot, const EtcdRangeReply *range)
{
        const EtcdKv *kvs = range->kvs;
        size_t n = range->n_kvs;

        free(TAKE_PTR(snapshot->page_end));
        if (snapshot->remaining <= PAGES_MANY * snapshot->limit)
                return 0;
        key_stride_measure(&snapshot->stride, n > 0 ? kvs[0].key : (EtcdBytes){},
                           n > 0 ? kvs[n - 1].key : (EtcdBytes){}, n, snapshot->limit);
        return key_stride_end(&snapshot->stride, next_key(snapshot),
                              (EtcdBytes){snapshot->end, snapshot->end_len}, &snapshot->page_end,
                              &snapshot->page_end_len);
}

static void fail(EtcdSnapshot *snapshot, int error)
{
        const EtcdSnapshotNews news = {.kind = ETCD_SNAPSHOT_FAILED, .error = error};

        snapshot->ended = true;
        snapshot->func(&news, snapshot->userdata);
}

static int prepare_next(EtcdSnapshot *snapshot, const EtcdRangeReply *range)
{
        int r;

        r = set_next_key(snapshot, range);
        return r < 0 ? r : set_page_end(snapshot, range);
}

static int start(EtcdSnapshot *snapshot);
static void ask(EtcdSnapshot *snapshot);

static void take_page(EtcdSnapshot *snapshot, const EtcdReply *reply)
{
        const EtcdRangeReply *range = &reply->range;
        const EtcdSnapshotNews news = {
                .kind = ETCD_SNAPSHOT_PAGE,
                .revision = snapshot->revision > 0 ? snapshot->revision : reply->header.revision,
                .kvs = range->kvs,
                .n_kvs = range->n_kvs,
                .count = snapshot->page_end ? snapshot->remaining : range->count,
                .is_last = !range->more && !snapshot->page_end,
        };
        int r = page_is_right(snapshot, range) ? 0 : ETCD_ERROR_MALFORMED;

        snapshot->remaining = news.count - (int64_t) news.n_kvs;
        if (r == 0 && !news.is_last)
                r = prepare_next(snapshot, range);
        if (r != 0) {
                fail(snapshot, r);
                return;
        }
        snapshot->revision = news.revision;
        snapshot->ended = news.is_last;
        if (news.n_kvs == 0 && !news.is_last) {
                snapshot->is_wanted = true;
                ask(snapshot);
                return;
        }
        /* The next page arrives while the owner works on this one. */
        if (!news.is_last)
                (void) start(snapshot);
        snapshot->func(&news, snapshot->userdata);
}

static void restart(EtcdSnapshot *snapshot)
{
        const EtcdSnapshotNews news = {.kind = ETCD_SNAPSHOT_RESTART};
        int r;

        snapshot->revision = 0;
        free(TAKE_PTR(snapshot->next_key));
        free(TAKE_PTR(snapshot->page_end));
        r = etcd_snapshot_next(snapshot);
        if (r < 0)
                fail(snapshot, r);
        else
                snapshot->func(&news, snapshot->userdata);
}

/* The owner is told what it has asked for. */
static void take(EtcdSnapshot *snapshot, int r, const EtcdReply *reply)
{
        snapshot->is_wanted = false;
        if (r == 0)
                take_page(snapshot, reply);
        else if (r == ETCD_ERROR_COMPACTED && snapshot->revision > 0)
                restart(snapshot);
        else
                fail(snapshot, r);
}

static int copy_bytes(EtcdArena *arena, EtcdBytes *bytes)
{
        uint8_t *copy = etcd_arena_alloc(arena, bytes->len + 1, 1);

        if (!copy)
                return -ENOMEM;
        *bytes = (EtcdBytes){memcpy(copy, bytes->data, bytes->len), bytes->len};
        return 0;
}

static int copy_page(const EtcdReply *reply, EtcdReply *ret)
{
        size_t n = reply->range.n_kvs;
        EtcdKv *kvs;
        int r = 0;

        *ret = *reply;
        ret->arena = (EtcdArena){};
        ret->range.kvs = kvs = etcd_arena_alloc(&ret->arena, n, sizeof(EtcdKv));
        if (!kvs)
                return -ENOMEM;
        for (size_t i = 0; r == 0 && i < n; i++) {
                kvs[i] = reply->range.kvs[i];
                r = copy_bytes(&ret->arena, &kvs[i].key);
                if (r == 0)
                        r = copy_bytes(&ret->arena, &kvs[i].value);
        }
        if (r < 0)
                etcd_arena_clear(&ret->arena);
        return r;
}

static void hold(EtcdSnapshot *snapshot, int r, const EtcdReply *reply)
{
        snapshot->is_held = true;
        snapshot->held_r = r == 0 ? copy_page(reply, &snapshot->held) : r;
}

static void take_held(EtcdSnapshot *snapshot)
{
        EtcdReply reply = snapshot->held;
        int r = snapshot->held_r;

        snapshot->is_held = false;
        snapshot->held.arena = (EtcdArena){};
        take(snapshot, r, &reply); /* may free the snapshot */
        if (r == 0)
                etcd_arena_clear(&reply.arena);
}

static void take_or_hold(EtcdSnapshot *snapshot, int r, const EtcdReply *reply)
{
        if (snapshot->is_wanted)
                take(snapshot, r, reply);
        else
                hold(snapshot, r, reply);
}

/* Asks for the same page again, which arrives later, or for the next one. */
static void ask(EtcdSnapshot *snapshot)
{
        int r = start(snapshot);

        if (r < 0)
                take_or_hold(snapshot, r, NULL);
}

static void on_page(int r, const EtcdReply *reply, void *userdata)
{
        EtcdSnapshot *snapshot = userdata;

        snapshot->call = NULL;
        if (r == ETCD_ERROR_TOO_LARGE && snapshot->limit > 1) {
                snapshot->limit /= 2;
                ask(snapshot);
        } else if (r == ETCD_ERROR_UNAVAILABLE || r == ETCD_ERROR_NO_LEADER) {
                ask(snapshot);
        } else {
                take_or_hold(snapshot, r, reply);
        }
}

static int start(EtcdSnapshot *snapshot)
{
        const EtcdRange range = {
                .key = next_key(snapshot),
                .range_end = page_end(snapshot),
                .limit = snapshot->limit,
                .revision = snapshot->revision,
        };
        const EtcdCallOptions options = {
                .timeout_ms = CALL_TIMEOUT_MS,
                .try_ms = snapshot->try_ms,
        };

        return etcd_range_start(snapshot->client, &range, &options, on_page, snapshot,
                                &snapshot->call);
}

int etcd_snapshot_next(EtcdSnapshot *snapshot)
{
        int r = 0;

        assert(!snapshot->is_wanted && !snapshot->ended);
        if (snapshot->is_held) {
                take_held(snapshot);
                return 0;
        }
        if (!snapshot->call)
                r = start(snapshot);
        snapshot->is_wanted = r == 0;
        return r;
}

static int copy_range(EtcdSnapshot *snapshot, EtcdBytes prefix)
{
        snapshot->prefix = malloc(prefix.len);
        snapshot->end = malloc(prefix.len);
        if (!snapshot->prefix || !snapshot->end)
                return -ENOMEM;
        memcpy(snapshot->prefix, prefix.data, prefix.len);
        snapshot->prefix_len = prefix.len;
        snapshot->end_len = etcd_prefix_end(prefix, snapshot->end).len;
        return 0;
}

int etcd_snapshot_new(EtcdClient *client, const EtcdSnapshotOptions *options, EtcdSnapshotFunc func,
                      void *userdata, EtcdSnapshot **ret)
{
        _cleanup_(etcd_snapshot_freep) EtcdSnapshot *snapshot = calloc(1, sizeof(EtcdSnapshot));
        int r;

        if (!snapshot)
                return -ENOMEM;
        assert(options->prefix.len > 0 && options->page_limit >= 0);
        snapshot->client = client;
        snapshot->func = func;
        snapshot->userdata = userdata;
        snapshot->limit = options->page_limit ?: PAGE_LIMIT;
        snapshot->try_ms = options->try_ms ?: TRIES_MS * client->try_ms;
        r = copy_range(snapshot, options->prefix);
        if (r == 0)
                r = etcd_snapshot_next(snapshot);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(snapshot);
        return 0;
}

EtcdSnapshot *etcd_snapshot_free(EtcdSnapshot *snapshot)
{
        if (!snapshot)
                return NULL;
        etcd_call_cancel(snapshot->call);
        free(snapshot->prefix);
        free(snapshot->end);
        free(snapshot->next_key);
        free(snapshot->page_end);
        if (snapshot->is_held && snapshot->held_r == 0)
                etcd_arena_clear(&snapshot->held.arena);
        free(snapshot);
        return NULL;
}
