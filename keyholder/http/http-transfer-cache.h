/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "base/macro.h"

/* Transfers for later requests with the same settings: to make one takes longer than to reuse it.
 * After a second without requests they are destroyed, and what curl's buffers hold is wiped. */
typedef struct HttpTransferCache HttpTransferCache;
typedef struct HttpTransfer HttpTransfer;

/* Reference-counted. Returns 0 or a negative errno. */
int http_transfer_cache_new(sd_event *event, HttpTransferCache **ret);
HttpTransferCache *http_transfer_cache_ref(HttpTransferCache *cache);
/* Drops a reference and returns NULL. NULL is fine. */
HttpTransferCache *http_transfer_cache_unref(HttpTransferCache *cache);
DEFINE_CLEANUP(HttpTransferCache *, http_transfer_cache_unref);

/* The transfer that was given last and that matches, the caller's; or NULL. */
HttpTransfer *http_transfer_cache_take(HttpTransferCache *cache,
                                       bool (*matches)(const HttpTransfer *, const void *),
                                       const void *wanted);
/* Takes a transfer, and destroys it if there are many. */
void http_transfer_cache_give(HttpTransferCache *cache, HttpTransfer *transfer);
