/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "daemon/model/finding.h"
#include "daemon/store/store.h"

/* Retries to open a store that could not be opened at the start, for example on a full disk. Each
 * store change retries as well. */
typedef struct StoreRetry StoreRetry;

/* Arguments but the directory must outlive it. opened() is called once when the store opens, never
 * if it is open already. Returns 0 or a negative errno. */
int store_retry_new(sd_event *event, Store *store, const char *directory,
                    void (*opened)(void *userdata), void *userdata, StoreRetry **ret);
StoreRetry *store_retry_free(StoreRetry *retry);
DEFINE_CLEANUP(StoreRetry *, store_retry_free);

/* Adds a finding if the store is closed or has no reserve. Returns 0 or -ENOMEM. */
int store_retry_diagnose(const StoreRetry *retry, FindingList *list);
