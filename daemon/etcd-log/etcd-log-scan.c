/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "daemon/etcd-log/etcd-log-internal.h"
#include "daemon/etcd-log/etcd-log-scan.h"

static bool make_key(const EtcdLog *log, const EtcdKv *kv, EtcdLogKey *ret)
{
        *ret = (EtcdLogKey){.changed_at = (uint64_t) kv->mod_revision};
        return etcd_log_make_event(log, kv, false, &ret->event);
}

/* Scan */

struct EtcdLogScan {
        EtcdLog *log;
        EtcdSnapshot *snapshot;
        bool has_begun;
        EtcdLogScanFunc func;
        void *userdata;
};

static void tell_page(EtcdLogScan *scan, const EtcdSnapshotNews *news)
{
        _cleanup_(freep) EtcdLogKey *keys = calloc(news->n_kvs + 1, sizeof(EtcdLogKey));
        bool is_first = !scan->has_begun;
        size_t n = 0;

        scan->has_begun = true;
        for (size_t i = 0; keys && i < news->n_kvs; i++)
                n += make_key(scan->log, &news->kvs[i], &keys[n]);
        scan->func(keys ? 0 : -ENOMEM, keys, n, is_first, news->is_last, scan->userdata);
}

static void on_snapshot(const EtcdSnapshotNews *news, void *userdata)
{
        EtcdLogScan *scan = userdata;

        switch (news->kind) {
        case ETCD_SNAPSHOT_PAGE:
                tell_page(scan, news);
                break;
        case ETCD_SNAPSHOT_RESTART:
                scan->has_begun = false;
                break;
        case ETCD_SNAPSHOT_FAILED:
                scan->func(-EIO, NULL, 0, false, true, scan->userdata);
                break;
        }
}

int etcd_log_scan_new(SharedLog *shared, const char *keys, EtcdLogScanFunc func, void *userdata,
                      EtcdLogScan **ret)
{
        EtcdLog *log = container_of(shared, EtcdLog, log);
        EtcdLogScan *scan = calloc(1, sizeof(EtcdLogScan));
        _cleanup_(freep) char *prefix = etcd_log_key(log, keys);
        int r = -ENOMEM;

        if (!scan || !prefix) {
                free(scan);
                return r;
        }
        scan->log = log;
        scan->func = func;
        scan->userdata = userdata;
        r = etcd_snapshot_new(log->client, &(EtcdSnapshotOptions){.prefix = etcd_bytes(prefix)},
                              on_snapshot, scan, &scan->snapshot);
        if (r < 0) {
                free(scan);
                return r;
        }
        *ret = scan;
        return 0;
}

int etcd_log_scan_next(EtcdLogScan *scan)
{
        return etcd_snapshot_next(scan->snapshot);
}

EtcdLogScan *etcd_log_scan_free(EtcdLogScan *scan)
{
        if (!scan)
                return NULL;
        etcd_snapshot_free(scan->snapshot);
        free(scan);
        return NULL;
}

/* Get */

struct EtcdLogGet {
        EtcdLog *log;
        char *key; /* without the prefix */
        EtcdCall *call;
        EtcdLogGetFunc func;
        void *userdata;
};

EtcdLogGet *etcd_log_get_cancel(EtcdLogGet *get)
{
        if (!get)
                return NULL;
        etcd_call_cancel(get->call);
        free(get->key);
        free(get);
        return NULL;
}
DEFINE_CLEANUP(EtcdLogGet *, etcd_log_get_cancel);

static void on_range(int r, const EtcdReply *reply, void *userdata)
{
        _cleanup_(etcd_log_get_cancelp) EtcdLogGet *get = userdata;
        EtcdLogKey key = {.event.key = get->key};

        get->call = NULL;
        if (r == 0 && reply->range.n_kvs == 1 && !make_key(get->log, &reply->range.kvs[0], &key))
                r = -EBADMSG;
        get->func(r == 0 ? 0 : -EAGAIN, &key, get->userdata);
}

int etcd_log_get_start(SharedLog *shared, const char *key, EtcdLogGetFunc func, void *userdata,
                       EtcdLogGet **ret)
{
        _cleanup_(etcd_log_get_cancelp) EtcdLogGet *get = calloc(1, sizeof(EtcdLogGet));
        EtcdLog *log = container_of(shared, EtcdLog, log);
        _cleanup_(freep) char *full = etcd_log_key(log, key);
        int r;

        if (!get || !full)
                return -ENOMEM;
        get->log = log;
        get->func = func;
        get->userdata = userdata;
        get->key = strdup(key);
        if (!get->key)
                return -ENOMEM;
        r = etcd_range_start(log->client, &(EtcdRange){.key = etcd_bytes(full)}, NULL, on_range,
                             get, &get->call);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(get);
        return 0;
}
