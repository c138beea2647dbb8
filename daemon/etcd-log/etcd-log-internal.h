/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/queue.h>

#include "daemon/etcd-log/etcd-log.h"
#include "daemon/etcd/etcd-call.h"
#include "daemon/etcd/etcd-lease.h"
#include "daemon/etcd/etcd-snapshot.h"
#include "daemon/etcd/etcd-watch.h"
#include "daemon/store/shared/revision-id.h"

#define ETCD_LOG_HOSTS "hosts/"
#define ETCD_LOG_ALIVE "alive/"

/* The claim of this process to the number of its host, see etcd-log-host.c. */
typedef struct EtcdLogHost {
        char *name;
        unsigned number;
        char *key;      /* with the prefix; NULL: no number yet */
        uint64_t epoch; /* random: of this process */
        bool claimed;
        bool claim_failed;    /* the last attempt, such as for lack of a permission */
        int64_t revision;     /* of its last change by this process */
        uint64_t rival_at_ms; /* CLOCK_MONOTONIC: another process with this name has changed it; 0:
                                 none has */
        bool has_left;        /* claims no number any more */
        LogLeaveFunc on_left;
        void *left_userdata;
        EtcdCall *call;
        void (*on_claimed)(unsigned number, void *userdata);
        void *userdata;
} EtcdLogHost;

/* The batch in flight, see etcd-log-commit.c. */
typedef struct EtcdLogCommit {
        const LogBatch *batch; /* lent; NULL: none, or given up */
        LogCommitFunc func;
        void *userdata;
        uint64_t number; /* of the batch, among those of this process */
        bool uncertain;  /* an attempt has an unknown outcome */
        bool is_renewed; /* has got a new lease */
        uint64_t give_up_at_ms;
        bool *done; /* by the events of its revision; NULL: not seen */
        int64_t done_revision;
        EtcdCall *call;
} EtcdLogCommit;

/* The liveness of all hosts, see etcd-log-alive.c. */
typedef struct EtcdLogAlive {
        EtcdLease *lease; /* of this host; NULL: none */
        bool is_put;
        EtcdCall *put_call, *check_call;
        sd_event_source *timer;
        uint64_t checked_at_ms;
        uint64_t away_since_ms[HOST_NUMBER_MAX + 1]; /* 0: not away */
} EtcdLogAlive;

typedef struct EtcdLogRead EtcdLogRead;

typedef struct EtcdLog {
        SharedLog log;
        sd_event *event;
        EtcdClient *client;
        char *prefix;
        size_t prefix_len;
        LogFollower follower;
        EtcdWatch *watch;
        uint64_t heard_at_ms; /* by earlier watches; at first, the start */
        bool told_reachable;
        bool was_told;
        sd_event_source *retry; /* of what failed */

        EtcdLogHost host;
        EtcdLogAlive alive;
        EtcdLogCommit commit;
        EtcdCall *lease_call;
        int64_t lease; /* for keys that expire; 0: none */
        uint64_t lease_at_ms;

        LIST_HEAD(, EtcdLogRead) reads;

        EtcdSnapshot *snapshot;
        char *load_prefix;
        bool load_waits;     /* until the retry */
        uint64_t load_at_ms; /* of the last snapshot of all keys */
        LogPageFunc page;
        void *page_userdata;
} EtcdLog;

/* Returns the key with the prefix; the caller frees it. NULL if out of memory. */
char *etcd_log_key(const EtcdLog *log, const char *key);
static inline EtcdBytes etcd_bytes(const char *s)
{
        return (EtcdBytes){.data = s, .len = strlen(s)};
}
/* Tells the follower whether batches can be committed, if that has changed. */
void etcd_log_tell_reachable(EtcdLog *log);
/* Tells it again, if they can. */
void etcd_log_repeat_reachable(EtcdLog *log);
/* Makes an event of the log, with lent members. Returns false for a key that no host writes. */
bool etcd_log_make_event(const EtcdLog *log, const EtcdKv *kv, bool removed, LogEvent *ret);
/* All changes before this time have been delivered, in CLOCK_MONOTONIC ms. */
uint64_t etcd_log_heard_at_ms(const EtcdLog *log);
/* Retries in a second what has failed. */
void etcd_log_retry_soon(EtcdLog *log);

/* Claims the number, unless it is claimed. */
void etcd_log_host_claim(EtcdLog *log);
/* Removes the key of this host, and the one of its liveness. */
int etcd_log_host_leave(EtcdLog *log, LogLeaveFunc func, void *userdata);
/* Notices other processes with the name of this host. */
void etcd_log_host_see(EtcdLog *log, const EtcdWatchNews *news);
/* Parses the number of a host in a key below the directory; false if it is none. */
bool etcd_log_parse_host(const EtcdLog *log, const EtcdKv *kv, const char *directory,
                         unsigned *ret);
/* The value of the host's key with the batch of this number. NULL if out of memory. */
char *etcd_log_host_value(const EtcdLog *log, uint64_t batch);

int etcd_log_commit_start(EtcdLog *log, const LogBatch *batch, LogCommitFunc func, void *userdata);
/* Whether a batch can be committed now. */
bool etcd_log_commit_is_ready(const EtcdLog *log);
/* Whether a revision is of a batch of this process. If it is the batch in flight, takes its result
 * from the events. */
bool etcd_log_commit_see(EtcdLog *log, const EtcdWatchNews *news);
/* Goes on after a failure. */
void etcd_log_commit_retry(EtcdLog *log);
void etcd_log_commit_cancel(EtcdLog *log);

/* Returns -EAGAIN while the cluster is away. */
int etcd_log_read(EtcdLog *log, const char *key, uint64_t timeout_ms, LogReadFunc func,
                  void *userdata);
void etcd_log_read_cancel_all(EtcdLog *log);

int etcd_log_alive_set_up(EtcdLog *log);
/* The host has its number. */
void etcd_log_alive_start(EtcdLog *log);
/* The host has no number any more. */
void etcd_log_alive_stop(EtcdLog *log);
void etcd_log_alive_destroy(EtcdLog *log);
