/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

#include "base/macro.h"

/* One or three etcds on loopback, with their data in a temporary directory. They end with the
 * test. Failures abort. */

typedef struct EtcdCluster {
        unsigned n_members;
        char directory[64];
        uint16_t client_ports[3], peer_ports[3];
        pid_t pids[3]; /* 0: is not running */
        const char *quota;
        const char *token; /* NULL: the default. With another one, new members have another cluster
                              id */
} EtcdCluster;

/* Whether etcd is installed. */
bool etcd_cluster_is_possible(void);

/* Starts the members, without waiting. `quota` is in bytes; NULL: the default. Free it with
 * etcd_cluster_stop(). */
void etcd_cluster_start(EtcdCluster *cluster, unsigned n_members, const char *quota);
void etcd_cluster_stop(EtcdCluster *cluster);

void etcd_cluster_start_member(EtcdCluster *cluster, unsigned i);
/* By SIGKILL. */
void etcd_cluster_kill_member(EtcdCluster *cluster, unsigned i);
/* SIGSTOP, SIGCONT. */
void etcd_cluster_signal_member(const EtcdCluster *cluster, unsigned i, int signal);

/* The data of a member that is not running. */
void etcd_cluster_save_data(const EtcdCluster *cluster, unsigned i);
void etcd_cluster_restore_data(const EtcdCluster *cluster, unsigned i);
void etcd_cluster_remove_data(const EtcdCluster *cluster, unsigned i);

/* A port of loopback that is free. */
uint16_t etcd_cluster_free_port(void);
