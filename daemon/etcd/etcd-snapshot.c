/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/log.h"
#include "daemon/etcd/etcd-client-internal.h"
#include "daemon/etcd/etcd-snapshot.h"

#define PAGE_LIMIT 1000
/* etcd visits all remaining keys for each page, so a large range needs fewer pages. But the event
 * loop decodes some 100 keys a millisecond. */
#define PAGE_LIMIT_MAX 4000
#define PAGES_MANY     50
#define TRIES_MS       5U /* times the deadline of the client */

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
        int64_t limit, limit_max;
        uint64_t try_ms;
        int64_t revision; /* 0: that of the first page */
        EtcdCall *call;   /* in flight, or NULL */
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

static void grow_pages(EtcdSnapshot *snapshot, int64_t count)
{
        if (count / PAGES_MANY > snapshot->limit && snapshot->limit * 2 <= snapshot->limit_max)
                snapshot->limit *= 2;
}

/* Keys ascend from the one that was asked for, and have the prefix. */
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
        return true;
}

/* The key right after the last one of a page. */
static int set_next_key(EtcdSnapshot *snapshot, const EtcdRangeReply *range)
{
        EtcdBytes last = range->kvs[range->n_kvs - 1].key;
        uint8_t *key = malloc(last.len + 1);

        if (!key)
                return -ENOMEM;
        memcpy(key, last.data, last.len);
        key[last.len] = 0;
        free(snapshot->next_key);
        snapshot->next_key = key;
        snapshot->next_key_len = last.len + 1;
        return 0;
}

static void fail(EtcdSnapshot *snapshot, int error)
{
        const EtcdSnapshotNews news = {.kind = ETCD_SNAPSHOT_FAILED, .error = error};

        snapshot->ended = true;
        snapshot->func(&news, snapshot->userdata);
}

static void take_page(EtcdSnapshot *snapshot, const EtcdReply *reply)
{
        const EtcdSnapshotNews news = {
                .kind = ETCD_SNAPSHOT_PAGE,
                .revision = snapshot->revision > 0 ? snapshot->revision : reply->header.revision,
                .kvs = reply->range.kvs,
                .n_kvs = reply->range.n_kvs,
                .count = reply->range.count,
                .is_last = !reply->range.more,
        };
        int r = page_is_right(snapshot, &reply->range) ? 0 : ETCD_ERROR_MALFORMED;

        if (r == 0 && !news.is_last)
                r = set_next_key(snapshot, &reply->range);
        if (r != 0) {
                fail(snapshot, r);
                return;
        }
        grow_pages(snapshot, news.count);
        snapshot->revision = news.revision;
        snapshot->ended = news.is_last;
        snapshot->func(&news, snapshot->userdata);
}

/* Asks for the same page again, which arrives later. */
static void repeat(EtcdSnapshot *snapshot)
{
        int r = etcd_snapshot_next(snapshot);

        if (r < 0)
                fail(snapshot, r);
}

static void restart(EtcdSnapshot *snapshot)
{
        const EtcdSnapshotNews news = {.kind = ETCD_SNAPSHOT_RESTART};
        int r;

        snapshot->revision = 0;
        free(snapshot->next_key);
        snapshot->next_key = NULL;
        r = etcd_snapshot_next(snapshot);
        if (r < 0)
                fail(snapshot, r);
        else
                snapshot->func(&news, snapshot->userdata);
}

static void on_page(int r, const EtcdReply *reply, void *userdata)
{
        EtcdSnapshot *snapshot = userdata;

        snapshot->call = NULL;
        if (r == 0) {
                take_page(snapshot, reply);
        } else if (r == ETCD_ERROR_COMPACTED && snapshot->revision > 0) {
                restart(snapshot);
        } else if (r == ETCD_ERROR_TOO_LARGE && snapshot->limit > 1) {
                snapshot->limit_max = snapshot->limit /= 2;
                repeat(snapshot);
        } else if (r == ETCD_ERROR_UNAVAILABLE || r == ETCD_ERROR_NO_LEADER) {
                repeat(snapshot);
        } else {
                fail(snapshot, r);
        }
}

int etcd_snapshot_next(EtcdSnapshot *snapshot)
{
        const EtcdRange range = {
                .key = next_key(snapshot),
                .range_end = {snapshot->end, snapshot->end_len},
                .limit = snapshot->limit,
                .revision = snapshot->revision,
        };
        const EtcdCallOptions options = {
                .timeout_ms = CALL_TIMEOUT_MS,
                .try_ms = snapshot->try_ms,
        };

        assert(!snapshot->call && !snapshot->ended);
        return etcd_range_start(snapshot->client, &range, &options, on_page, snapshot,
                                &snapshot->call);
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
        snapshot->limit_max = options->page_limit ?: PAGE_LIMIT_MAX;
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
        free(snapshot);
        return NULL;
}
