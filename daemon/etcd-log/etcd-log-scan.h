/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/etcd-log/etcd-log.h"

/* Reads keys of the shared log, beside the replica. */

/* A key as it is in the log. */
typedef struct EtcdLogKey {
        LogEvent event;      /* without a value: there is no such key */
        uint64_t changed_at; /* revision; 0: there is no such key */
} EtcdLogKey;

/* A page, lent. r is 0 or a negative errno, which is the last call. `is_first`: pages that came
 * before are to be discarded. May free the scan. */
typedef void (*EtcdLogScanFunc)(int r, const EtcdLogKey *keys, size_t n_keys, bool is_first,
                                bool is_last, void *userdata);

typedef struct EtcdLogScan EtcdLogScan;

/* Reads all keys that begin with `keys` as of one revision, page by page. Waits while etcd is away.
 * Returns 0 or a negative errno. */
int etcd_log_scan_new(SharedLog *log, const char *keys, EtcdLogScanFunc func, void *userdata,
                      EtcdLogScan **ret);
/* Asks for the next page; also from the function. Returns 0 or a negative errno. */
int etcd_log_scan_next(EtcdLogScan *scan);
/* Returns NULL. */
EtcdLogScan *etcd_log_scan_free(EtcdLogScan *scan);

/* The key is lent. r is 0 or -EAGAIN. */
typedef void (*EtcdLogGetFunc)(int r, const EtcdLogKey *key, void *userdata);

typedef struct EtcdLogGet EtcdLogGet;

/* Reads a key. Returns 0 or a negative errno. */
int etcd_log_get_start(SharedLog *log, const char *key, EtcdLogGetFunc func, void *userdata,
                       EtcdLogGet **ret);
/* The function will not be called. NULL is fine. Returns NULL. */
EtcdLogGet *etcd_log_get_cancel(EtcdLogGet *get);
