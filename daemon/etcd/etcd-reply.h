/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/etcd/etcd-arena.h"
#include "daemon/etcd/etcd-request.h"

/*
 * Replies of etcd, decoded strictly: base64 is canonical, numbers are from 0 to INT64_MAX, or
 * UINT64_MAX if unsigned, and text is valid. Members that are missing or null have their defaults:
 * etcd omits them.
 */

/* Ids are not 0, but missing in the list of alarms. */
typedef struct EtcdHeader {
        uint64_t cluster_id;
        uint64_t member_id;
        int64_t revision; /* of the store; 0: not told */
        uint64_t raft_term;
} EtcdHeader;

/* Key and value are NUL-terminated, and may contain NUL. */
typedef struct EtcdKv {
        EtcdBytes key;
        EtcdBytes value; /* empty with keys_only, and in the event of a removal */
        int64_t create_revision;
        int64_t mod_revision;
        int64_t version; /* 1 after the creation; 0 in the event of a removal */
        int64_t lease;   /* 0: none */
} EtcdKv;

typedef struct EtcdRangeReply {
        EtcdKv *kvs;
        size_t n_kvs;
        bool more;     /* the limit cut the reply */
        int64_t count; /* of keys in the range, regardless of the limit */
} EtcdRangeReply;

typedef struct EtcdPutReply {
        EtcdKv *prev_kv; /* NULL: not asked for, or there was none */
} EtcdPutReply;

typedef struct EtcdDeleteReply {
        int64_t deleted;
        EtcdKv *prev_kvs;
        size_t n_prev_kvs;
} EtcdDeleteReply;

typedef struct EtcdTxnReply {
        bool succeeded; /* which of the lists was executed */
        struct EtcdOpReply *replies;
        size_t n_replies; /* as many as operations in the list */
} EtcdTxnReply;

typedef struct EtcdOpReply {
        EtcdOpKind kind;
        union {
                EtcdRangeReply range;
                EtcdPutReply put;
                EtcdDeleteReply delete_range;
                EtcdTxnReply txn;
        };
} EtcdOpReply;

typedef struct EtcdLeaseReply {
        int64_t id;
        int64_t ttl_s; /* 0 of a keepalive: the lease has expired */
} EtcdLeaseReply;

typedef struct EtcdStatusReply {
        const char *version;
        int64_t db_size;        /* in bytes, with free pages */
        int64_t db_size_in_use; /* in bytes */
        int64_t db_size_quota;  /* in bytes; 0: not told, as before etcd 3.6 */
        uint64_t leader;        /* a member id; 0: none */
        bool is_learner;
        bool has_errors; /* an alarm, or no leader */
} EtcdStatusReply;

typedef enum EtcdAlarmKind {
        ETCD_ALARM_NONE,
        ETCD_ALARM_NOSPACE,
        ETCD_ALARM_CORRUPT,
        ETCD_ALARM_OTHER,
} EtcdAlarmKind;

typedef struct EtcdAlarm {
        uint64_t member_id;
        EtcdAlarmKind kind;
} EtcdAlarm;

typedef struct EtcdAlarmsReply {
        EtcdAlarm *alarms;
        size_t n_alarms;
} EtcdAlarmsReply;

typedef struct EtcdMember {
        uint64_t id;
        const char *name; /* empty before its first start, or if it is no valid text */
        bool is_learner;
} EtcdMember;

typedef struct EtcdMembersReply {
        EtcdMember *members;
        size_t n_members;
} EtcdMembersReply;

typedef enum EtcdReplyKind {
        ETCD_REPLY_RANGE,
        ETCD_REPLY_TXN,
        ETCD_REPLY_LEASE_GRANT,
        ETCD_REPLY_LEASE_KEEPALIVE,
        ETCD_REPLY_LEASE_REVOKE,
        ETCD_REPLY_STATUS,
        ETCD_REPLY_ALARMS,
        ETCD_REPLY_MEMBERS,
} EtcdReplyKind;

typedef struct EtcdReply {
        EtcdReplyKind kind;
        EtcdHeader header;
        union {
                EtcdRangeReply range;
                EtcdTxnReply txn;
                EtcdLeaseReply lease;
                EtcdStatusReply status;
                EtcdAlarmsReply alarms;
                EtcdMembersReply members;
        };
        EtcdArena arena; /* has the memory of all of it */
} EtcdReply;

/* Decodes the body of a reply with status 200. Returns 0, -ENOMEM or ETCD_ERROR_MALFORMED, or for a
 * keepalive an error that the body tells. */
int etcd_reply_decode(EtcdReplyKind kind, const char *body, size_t body_len, EtcdReply *ret);
void etcd_reply_clear(EtcdReply *reply);

typedef struct EtcdEvent {
        bool is_delete;
        EtcdKv kv;       /* of a removal: the key, and its revision as mod_revision */
        EtcdKv *prev_kv; /* NULL: not asked for, none, or compacted */
} EtcdEvent;

/* One message of a watch. */
typedef struct EtcdWatchReply {
        EtcdHeader header;
        bool created;
        bool canceled;
        int64_t compact_revision;  /* with `canceled`: the first revision that is left; 0: else */
        const char *cancel_reason; /* not NULL; untrusted */
        bool fragment;             /* further events of the last revision may follow */
        EtcdEvent *events;         /* with ascending revisions */
        size_t n_events;           /* 0 of a progress notification */
        EtcdArena arena;
} EtcdWatchReply;

/* Decodes a line of the stream. Returns 0, -ENOMEM, ETCD_ERROR_MALFORMED, or the error that the
 * line tells. */
int etcd_watch_reply_decode(const char *line, size_t line_len, EtcdWatchReply *ret);
void etcd_watch_reply_clear(EtcdWatchReply *reply);
/* Whether the message is a progress notification: all events up to the revision of its header have
 * been sent. */
bool etcd_watch_reply_is_progress(const EtcdWatchReply *reply);
