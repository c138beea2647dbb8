/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>

#include "daemon/backoff/backoff.h"
#include "daemon/store-retry.h"

#define RETRY_FIRST_MS 500U
#define RETRY_MAX_MS   4000U

struct StoreRetry {
        Store *store;
        char *directory;
        Backoff *backoff;
        void (*opened)(void *userdata);
        void *userdata;
};

static void on_tried(int r, void *userdata)
{
        StoreRetry *retry = userdata;

        if (r != 0) {
                backoff_retry(retry->backoff, 0);
                return;
        }
        backoff_stop(retry->backoff);
        retry->opened(retry->userdata);
}

/* Any change makes the store retry to open. */
static void on_store_retry(void *userdata)
{
        StoreRetry *retry = userdata;

        if (store_barrier(retry->store, on_tried, retry, NULL) < 0)
                backoff_retry(retry->backoff, 0);
}

int store_retry_new(sd_event *event, Store *store, const char *directory,
                    void (*opened)(void *userdata), void *userdata, StoreRetry **ret)
{
        _cleanup_(store_retry_freep) StoreRetry *retry = calloc(1, sizeof(StoreRetry));
        int r;

        if (!retry)
                return -ENOMEM;
        *retry = (StoreRetry){.store = store,
                              .directory = strdup(directory),
                              .opened = opened,
                              .userdata = userdata};
        if (!retry->directory)
                return -ENOMEM;
        r = backoff_new(event, RETRY_FIRST_MS, RETRY_MAX_MS, on_store_retry, retry,
                        &retry->backoff);
        if (r < 0)
                return r;
        if (store_error(store) < 0)
                backoff_retry(retry->backoff, 0);
        *ret = TAKE_PTR(retry);
        return 0;
}

StoreRetry *store_retry_free(StoreRetry *retry)
{
        if (!retry)
                return NULL;
        backoff_free(retry->backoff);
        free(retry->directory);
        free(retry);
        return NULL;
}

static const char *advice_on(int error)
{
        switch (error) {
        case -ENOSPC:
        case -EDQUOT:
                return "free disk space; the daemon retries by itself";
        case -EMEDIUMTYPE:
                return "restore a copy of the store, see BACKUP in passlockd(8); the daemon "
                       "retries by itself";
        default:
                return "see journalctl -u passlockd; the daemon retries by itself";
        }
}

int store_retry_diagnose(const StoreRetry *retry, FindingList *list)
{
        int error = store_error(retry->store);
        char text[128];

        if (error == 0 && store_has_reserve(retry->store))
                return 0;
        if (error == 0)
                return finding_add(list, .kind = "store", .name = retry->directory,
                                   .text = store_is_shared(retry->store)
                                                   ? "The disk is full: links can be read, but not "
                                                     "changed"
                                                   : "The disk is full: links can be read and "
                                                     "removed, but none can be added",
                                   .advice = "free disk space");
        (void) snprintf(text, sizeof(text), "Failed to open the store: %s",
                        error == -EMEDIUMTYPE ? "it is damaged, or not a passlockd store"
                                              : strerror(-error));
        return finding_add(list, .kind = "store", .name = retry->directory, .text = text,
                           .advice = advice_on(error));
}
