/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/etcd/etcd-client.h"

/*
 * Loads all keys with a prefix as of one revision, page by page in ascending order. Pages are not
 * always full. The owner asks for each page but the first, which is read ahead. A watch from this
 * revision continues it. Outages are waited for.
 */
typedef struct EtcdSnapshot EtcdSnapshot;

typedef enum EtcdSnapshotKind {
        ETCD_SNAPSHOT_PAGE,
        /* The revision was compacted meanwhile: discard all pages. The first page of another
         * revision comes next, without being asked for. */
        ETCD_SNAPSHOT_RESTART,
        ETCD_SNAPSHOT_FAILED, /* nothing more will come */
} EtcdSnapshotKind;

/* Lent. */
typedef struct EtcdSnapshotNews {
        EtcdSnapshotKind kind;
        int64_t revision;  /* of PAGE */
        const EtcdKv *kvs; /* of PAGE */
        size_t n_kvs;
        int64_t count; /* of PAGE: keys of this page and the following ones */
        bool is_last;
        int error; /* of FAILED: an EtcdError or -ENOMEM */
} EtcdSnapshotNews;

/* From the event loop; may free the snapshot, not the client. */
typedef void (*EtcdSnapshotFunc)(const EtcdSnapshotNews *news, void *userdata);

typedef struct EtcdSnapshotOptions {
        EtcdBytes prefix;   /* not empty */
        int64_t page_limit; /* keys in a page, halved when a page is too long; 0: 1000 */
        uint64_t try_ms;    /* for a page; 0: five times that of the client */
} EtcdSnapshotOptions;

/* Copies the options, and asks for the first page. Returns 0 or a negative errno. */
int etcd_snapshot_new(EtcdClient *client, const EtcdSnapshotOptions *options, EtcdSnapshotFunc func,
                      void *userdata, EtcdSnapshot **ret);
/* NULL is fine. Returns NULL. */
EtcdSnapshot *etcd_snapshot_free(EtcdSnapshot *snapshot);
DEFINE_CLEANUP(EtcdSnapshot *, etcd_snapshot_free);

/* Asks for the next page, once after each page but the last; also from the function. It may run the
 * function at once. Returns 0 or a negative errno, after which it may be repeated. */
int etcd_snapshot_next(EtcdSnapshot *snapshot);
