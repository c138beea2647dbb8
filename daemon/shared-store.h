/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "daemon/config/config.h"
#include "daemon/core/tenancy.h"
#include "daemon/holder/holder.h"
#include "daemon/store/shared/shared-log.h"
#include "daemon/store/store-shared.h"

/* The store of Engine=etcd: its replica is in the subdirectory `shared` of the state directory. */
typedef struct SharedStore SharedStore;

typedef struct SharedStoreOwner {
        Tenancies *(*tenancies)(void *userdata); /* are told of changes; NULL: there are none yet */
        /* The lost links are in etcd again; they can be compared with the vault. */
        void (*restored)(void *userdata);
        void *userdata;
} SharedStoreOwner;

/* The holder must outlive it; the configuration is lent. Returns 0 or a negative errno. */
int shared_store_new(sd_event *event, Holder *holder, const StoreConfig *config,
                     const char *state_directory, const SharedStoreOwner *owner, SharedStore **ret);
/* Returns NULL. */
SharedStore *shared_store_free(SharedStore *shared);
DEFINE_CLEANUP(SharedStore *, shared_store_free);

/* Removes the replica if this host has left the shared store, for a start with a store of its own.
 * Logs a failure. */
void shared_store_forget(const char *state_directory);

/* Lent. */
Store *shared_store_get(SharedStore *shared);
SharedLog *shared_store_log(SharedStore *shared);
/* The file that exists when this host has left. Lent. */
const char *shared_store_mark(SharedStore *shared);
/* How the last restore of etcd from a backup was mended; NULL: there was none. Lent. */
const RestoreCounts *shared_store_restored(const SharedStore *shared);
/* Applies what a reload may change; the configuration is lent. */
void shared_store_configure(SharedStore *shared, const StoreConfig *config);
/* The endpoints of the key holder, or its credentials, may have changed. */
void shared_store_update(SharedStore *shared);
