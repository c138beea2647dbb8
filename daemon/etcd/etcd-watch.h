/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/etcd/etcd-client.h"

/*
 * Follows the keys with a prefix: delivers each event after a revision exactly once and in order,
 * across reconnects and changes of the endpoint.
 *
 * etcd is silent while nothing changes: it sends progress notifications every ten minutes. So with
 * `check_ms`, the member that has the stream is asked for the revision of the cluster, by a
 * linearizable range. If all events up to this revision have been delivered, the watch is proven to
 * be fresh as of the time of the request. If not, the revision may be one of other keys: the watch
 * counts as fresh when no message has arrived for a second. Because the stream alone may be dead,
 * such as when a firewall has forgotten an idle connection, this is so only if the stream has
 * carried something in the last `silence_max_ms`; otherwise the stream is opened anew. An owner
 * that needs the proof writes below the prefix, and waits for the event.
 */
typedef struct EtcdWatch EtcdWatch;

typedef enum EtcdWatchKind {
        ETCD_WATCH_EVENTS, /* all events of one revision */
        ETCD_WATCH_MARK,   /* everything up to a revision has been delivered */
        ETCD_WATCH_END,    /* the last one: load anew */
} EtcdWatchKind;

/* Lent. */
typedef struct EtcdWatchNews {
        EtcdWatchKind kind;
        int64_t revision;         /* of END: the last one that was delivered */
        const EtcdEvent *events;  /* of EVENTS */
        size_t n_events;          /* of EVENTS: not 0 */
        int error;                /* of END: ETCD_ERROR_COMPACTED, DENIED, OTHER_CLUSTER or
                                     REVISION_WENT_BACK */
        int64_t compact_revision; /* of COMPACTED: older revisions are gone */
} EtcdWatchNews;

/* From the event loop; may free the watch, not the client. */
typedef void (*EtcdWatchFunc)(const EtcdWatchNews *news, void *userdata);

typedef struct EtcdWatchOptions {
        EtcdBytes prefix;  /* not empty */
        int64_t revision;  /* of the data that the owner has; at least 1. Events begin after it. */
        bool prev_kv;      /* events have the former key and value */
        uint64_t check_ms; /* interval of the checks; 0: none */
        uint64_t silence_max_ms; /* see above; 0: 30000 */
} EtcdWatchOptions;

/* Copies the options. Returns 0 or a negative errno. */
int etcd_watch_new(EtcdClient *client, const EtcdWatchOptions *options, EtcdWatchFunc func,
                   void *userdata, EtcdWatch **ret);
/* NULL is fine. Returns NULL. */
EtcdWatch *etcd_watch_free(EtcdWatch *watch);
DEFINE_CLEANUP(EtcdWatch *, etcd_watch_free);

/* Events up to this revision have been delivered. */
int64_t etcd_watch_revision(const EtcdWatch *watch);
/* All changes made before this time, in CLOCK_MONOTONIC ms, have been delivered; 0: unknown.
 * Without checks: the time of the last message. */
uint64_t etcd_watch_heard_at_ms(const EtcdWatch *watch);
/* Whether the stream is open. */
bool etcd_watch_is_open(const EtcdWatch *watch);
