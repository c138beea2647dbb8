/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Linearizable reads of single keys. */

#include <errno.h>

#include "daemon/etcd-log/etcd-log-internal.h"

struct EtcdLogRead {
        LIST_ENTRY(EtcdLogRead) entry;
        EtcdCall *call;
        LogReadFunc func;
        void *userdata;
};

static void on_range(int r, const EtcdReply *reply, void *userdata)
{
        EtcdLogRead *read = userdata;
        LogReadFunc func = read->func;
        void *func_userdata = read->userdata;
        int64_t revision = 0;

        LIST_REMOVE(read, entry);
        free(read);
        if (r == 0 && reply->range.n_kvs > 0)
                revision = reply->range.kvs[0].mod_revision;
        func(r == 0 ? 0 : -EAGAIN, (uint64_t) revision, func_userdata);
}

int etcd_log_read(EtcdLog *log, const char *key, uint64_t timeout_ms, LogReadFunc func,
                  void *userdata)
{
        _cleanup_(freep) EtcdLogRead *read = calloc(1, sizeof(EtcdLogRead));
        _cleanup_(freep) char *full = etcd_log_key(log, key);
        int r;

        if (!read || !full)
                return -ENOMEM;
        if (etcd_client_state(log->client) != ETCD_CLIENT_SERVING)
                return -EAGAIN;
        *read = (EtcdLogRead){.func = func, .userdata = userdata};
        r = etcd_range_start(log->client, &(EtcdRange){.key = etcd_bytes(full), .keys_only = true},
                             &(EtcdCallOptions){.timeout_ms = timeout_ms}, on_range, read,
                             &read->call);
        if (r < 0)
                return r;
        LIST_INSERT_HEAD(&log->reads, read, entry);
        TAKE_PTR(read);
        return 0;
}

void etcd_log_read_cancel_all(EtcdLog *log)
{
        EtcdLogRead *read;

        while ((read = LIST_FIRST(&log->reads))) {
                etcd_call_cancel(read->call);
                LIST_REMOVE(read, entry);
                free(read);
        }
}
