/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "daemon/etcd/etcd-client.h"
#include "daemon/store/shared/shared-log.h"

/*
 * The shared log in etcd. Keys have the prefix of the configuration.
 *
 * Each host has a number: hosts/NUMBER names it. Each batch is one transaction, with a nested one
 * for each change, and rewrites that key under the condition that nobody has since the last batch
 * of this process. So a batch whose reply is lost can be sent again without being made twice, and
 * cannot be made late, after a newer one. If it was made, the events of its revision tell which of
 * its changes were. A batch also rewrites LOG_LATEST_KEY. While a process has its lease,
 * alive/NUMBER exists; a host whose key has been gone for 30 s is away.
 */
typedef struct EtcdLogOptions {
        const char *prefix;    /* ends with a slash */
        const char *host_name; /* unique in the fleet: the machine id */
        /* As of the last claimed(), for the time until etcd is reached. */
        unsigned host_number;
        bool has_left; /* this host has left: it follows, and commits nothing */
        void (*claimed)(unsigned host_number, void *userdata); /* may be NULL */
        void *userdata;
} EtcdLogOptions;

/* Copies the options; the transport is lent. Connects in the background. Returns 0 or a negative
 * errno. */
int etcd_log_new(sd_event *event, const EtcdTransport *transport, const EtcdLogOptions *options,
                 SharedLog **ret);

/* The transport has other endpoints, or has become ready. */
void etcd_log_endpoints_changed(SharedLog *log);
/* Lent. */
EtcdClient *etcd_log_client(SharedLog *log);
