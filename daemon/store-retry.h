/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "daemon/model/finding.h"
#include "daemon/store/store.h"

/*
 * Opens the store later if it could not be opened at the start, as on a full disk: it is tried
 * again every few seconds, and by each change.
 */
typedef struct StoreRetry StoreRetry;

/* What is passed is lent, and outlives it, except for the directory. opened() runs once, when the
 * store is open; never, if it is open now. Returns 0 or a negative errno. */
int store_retry_new(sd_event *event, Store *store, const char *directory,
                    void (*opened)(void *userdata), void *userdata, StoreRetry **ret);
StoreRetry *store_retry_free(StoreRetry *retry);
DEFINE_CLEANUP(StoreRetry *, store_retry_free);

/* Adds a finding if the store is not open, or has no reserve for removals. Returns 0 or -ENOMEM. */
int store_retry_diagnose(const StoreRetry *retry, FindingList *list);
