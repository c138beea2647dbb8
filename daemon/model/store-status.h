/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* A member of the cluster that keeps a shared store. */
typedef struct StoreMember {
        char name[64]; /* may be truncated */
        char id[17];   /* in hex */
        bool is_leader;
        bool answers; /* at an endpoint of the configuration */
} StoreMember;

#define STORE_MEMBERS_MAX 16U

/* Names of the states of a shared store. */
#define STORE_STATES \
        "starting", "serving", "loading", "restoring", "left", "away", "other-cluster", \
                "revision-went-back"

/* The state of the store, of Manager.GetStore. With the local engine, only `engine` counts. Strings
 * are lent. */
typedef struct StoreStatus {
        const char *engine;        /* local, etcd */
        const char *state;         /* one of STORE_STATES */
        const char *reason;        /* why etcd is away; NULL: it is not */
        uint64_t away_since_ms;    /* since the epoch; 0: it is not */
        uint64_t revision;         /* of the replica */
        uint64_t cluster_revision; /* the latest that was seen */
        uint64_t behind_ms;        /* the replica has all changes but those of this time */
        const char *host;          /* the name of this host */
        unsigned host_number;
        bool has_host_number;
        uint64_t n_waiting;     /* changes that have not been committed */
        uint64_t n_outbox;      /* links that other hosts do not have yet */
        uint64_t n_unconfirmed; /* misses that etcd has not confirmed */
        const char *endpoint;   /* in use; NULL: none */
        StoreMember members[STORE_MEMBERS_MAX];
        size_t n_members; /* 0: etcd has not answered */
        uint64_t db_size; /* in bytes; 0: unknown */
        uint64_t quota;   /* in bytes; 0: unknown */
        bool no_space;    /* alarms */
        bool is_corrupt;
} StoreStatus;

/* The result of a comparison of the replica with the shared store. */
typedef struct StoreVerification {
        uint64_t checked;   /* links in etcd */
        uint64_t missing;   /* links in etcd, but not on this host */
        uint64_t extra;     /* links on this host, but not in etcd */
        uint64_t different; /* links with other data */
        bool is_complete;   /* false: there were too many differences, and the rest is unchecked */
        char **examples;    /* of differences: kind and key */
} StoreVerification;

#define STORE_EXAMPLES_MAX 20U

/* The result of importing the links of a host's own store into the shared store. */
typedef struct StoreJoin {
        uint64_t added;
        uint64_t present;
        uint64_t conflicting; /* linked to another user in the shared store */
        uint64_t exceeding;   /* their user has the maximum of links */
        uint64_t unfinished;  /* exchanges and deletes that a crash cut off; they stay behind */
        char **conflicts;     /* the first ones: kind and key */
} StoreJoin;

/* The result of making the replica of a shared store the store of this host alone. */
typedef struct StoreLeave {
        uint64_t links;
        uint64_t exchanges; /* open ones of this host, which its own store finishes */
        uint64_t deletes;   /* open ones of all hosts; likewise */
        uint64_t left;      /* open exchanges that the other hosts finish */
        uint64_t unshared;  /* links that only this host has */
        bool is_current;    /* etcd has confirmed that no change is missing */
        bool is_told;       /* etcd has no key of this host any more */
        unsigned host_number;
        const char *kept; /* path of the store that was replaced, lent; NULL: there was none */
} StoreLeave;

#define STORE_CONFLICTS_MAX 1000U
