/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/log.h"
#include "keyholder/http/http-transfer-cache.h"
#include "keyholder/http/http-transfer.h"

#define TRANSFERS_MAX 128U /* about 25 kB each */
#define IDLE_US       (UINT64_C(500) * 1000)

struct HttpTransferCache {
        unsigned n_ref;
        HttpTransfer *transfers[TRANSFERS_MAX];
        unsigned n_transfers;
        bool was_used; /* since the timer was set */
        sd_event_source *timer;
};

static void clear(HttpTransferCache *cache)
{
        while (cache->n_transfers > 0)
                http_transfer_destroy(cache->transfers[--cache->n_transfers]);
}

static void set_timer(HttpTransferCache *cache)
{
        cache->was_used = false;
        (void) sd_event_source_set_time_relative(cache->timer, IDLE_US);
        (void) sd_event_source_set_enabled(cache->timer, SD_EVENT_ONESHOT);
}

static int on_timer(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
        HttpTransferCache *cache = userdata;

        if (cache->was_used)
                set_timer(cache);
        else
                clear(cache);
        return 0;
}

HttpTransfer *http_transfer_cache_take(HttpTransferCache *cache,
                                       bool (*matches)(const HttpTransfer *, const void *),
                                       const void *wanted)
{
        cache->was_used = true;
        for (unsigned i = cache->n_transfers; i > 0; i--) {
                HttpTransfer *transfer = cache->transfers[i - 1];

                if (matches(transfer, wanted)) {
                        cache->transfers[i - 1] = cache->transfers[--cache->n_transfers];
                        return transfer;
                }
        }
        return NULL;
}

void http_transfer_cache_give(HttpTransferCache *cache, HttpTransfer *transfer)
{
        if (cache->n_transfers == TRANSFERS_MAX) {
                http_transfer_destroy(transfer);
                return;
        }
        if (sd_event_source_get_enabled(cache->timer, NULL) == 0)
                set_timer(cache);
        cache->was_used = true;
        cache->transfers[cache->n_transfers++] = transfer;
}

int http_transfer_cache_new(sd_event *event, HttpTransferCache **ret)
{
        _cleanup_(http_transfer_cache_unrefp) HttpTransferCache *cache =
                calloc(1, sizeof(HttpTransferCache));
        int r;

        if (!cache)
                return -ENOMEM;
        cache->n_ref = 1;
        r = log_errno_origin(sd_event_add_time_relative(event, &cache->timer, CLOCK_MONOTONIC, 0, 0,
                                                        on_timer, cache));
        if (r >= 0)
                r = log_errno_origin(sd_event_source_set_enabled(cache->timer, SD_EVENT_OFF));
        if (r < 0)
                return r;
        *ret = TAKE_PTR(cache);
        return 0;
}

HttpTransferCache *http_transfer_cache_ref(HttpTransferCache *cache)
{
        cache->n_ref++;
        return cache;
}

HttpTransferCache *http_transfer_cache_unref(HttpTransferCache *cache)
{
        if (!cache || --cache->n_ref > 0)
                return NULL;
        clear(cache);
        sd_event_source_disable_unref(cache->timer);
        free(cache);
        return NULL;
}
