/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/*
 * A shared log: a consensus system that keeps keys with values, and orders all changes of them by
 * revision. Each host has a replica that follows the log. Implementations translate this interface
 * to etcd or to another system; they know neither links nor LMDB.
 *
 * Keys are texts without NUL, values any bytes. A revision is a number above 0 and below 2^44; each
 * committed batch with writes gets a higher one.
 */
typedef enum LogTest {
        LOG_CREATED_AT, /* the key was created by the revision; 0: there is no such key */
        LOG_EXISTS,
        LOG_UNCHANGED_SINCE,     /* the last change of the key is not above the revision */
        LOG_ALL_UNCHANGED_SINCE, /* the same for all keys that begin with this one */
} LogTest;

typedef struct LogCondition {
        LogTest test;
        char *key;
        uint64_t revision;
} LogCondition;

typedef struct LogWrite {
        char *key;
        uint8_t *value; /* NULL: the key is removed, if there is one */
        size_t value_len;
        bool expires; /* removed by the log after LOG_EXPIRES_MS, or a little later */
} LogWrite;

/* No key has it. */
#define LOG_REVISION_NEVER (UINT64_C(1) << 44)

#define LOG_EXPIRES_MS (20U * 60U * 1000U)

/* Writes that are made all, if all conditions hold, or none. */
typedef struct LogChange {
        LogCondition *conditions;
        size_t n_conditions;
        LogWrite *writes;
        size_t n_writes;
} LogChange;

void log_change_clear(LogChange *change);
/* Take ownership of key and value, also on failure. Return 0 or -ENOMEM, also for a NULL key. */
int log_change_add_condition(LogChange *change, LogTest test, char *key, uint64_t revision);
int log_change_add_write(LogChange *change, char *key, uint8_t *value, size_t value_len,
                         bool expires);

/*
 * Independent changes that are committed at once, each under its own conditions, evaluated before
 * any write of the batch. No key is written twice. `marks` are written whatever happens to the
 * changes; their values are empty.
 */
typedef struct LogBatch {
        LogChange *changes;
        size_t n_changes;
        char **marks;
        size_t n_marks;
} LogBatch;

void log_batch_clear(LogBatch *batch);
/* Copies the key, unless the batch has it. Returns 0 or -ENOMEM. */
int log_batch_add_mark(LogBatch *batch, const char *key);
/* Drops the marks that were added after the first n ones. */
void log_batch_drop_marks(LogBatch *batch, size_t n);

/* Subtracts the offset from the revisions of all conditions. One that is not above it gets a
 * revision that no key has. */
void log_batch_subtract(LogBatch *batch, uint64_t offset);

/* Each commit rewrites this key, too, and nothing removes it. If it changed last before a commit
 * that a replica has, the log was restored from a backup, whatever its revision is. */
#define LOG_LATEST_KEY "history/latest"

/* Items of a batch, marks included; writes in all its changes; items, and conditions or writes of
 * the largest change. The last one is from etcd, where the keys of the host and of the latest
 * commit count as well. */
#define LOG_BATCH_MAX  64U
#define LOG_WRITES_MAX 64U
#define LOG_OPS_MAX    126U

typedef struct LogEvent {
        char *key;
        uint64_t created_at; /* the revision that created the key */
        uint64_t changed_at; /* the revision that changed it last */
        uint8_t *value;      /* NULL: removed */
        size_t value_len;
} LogEvent;

/*
 * The result of a batch. r is 0; -EAGAIN (certainly not committed: the log cannot be reached, or
 * has no majority); STORE_FULL (its quota); STORE_FAILED (it refused the batch); or -ENOMEM.
 * `done` says for each change whether it was made; `revision` is that of the batch, or the latest
 * one if nothing was written. A batch whose outcome is unknown is repeated by the log until it is
 * known, without being made twice.
 */
typedef void (*LogCommitFunc)(int r, uint64_t revision, const bool *done, void *userdata);

/* Functions that the log calls for the replica. */
typedef struct LogFollower {
        /* All events of a revision, in order. Lent. `is_own`: of a batch of this host. */
        void (*changed)(uint64_t revision, const LogEvent *events, size_t n_events, bool is_own,
                        void *userdata);
        /* History up to this revision is gone, or the log went back: load() anew. */
        void (*lost)(void *userdata);
        /* Whether batches can be committed: told soon after the start, when it changes, and again
         * from time to time, so that what has failed is retried. */
        void (*reachable)(bool is_reachable, void *userdata);
        /* A host has been away for a while; repeated every few seconds. May be NULL. */
        void (*away)(unsigned host, void *userdata);
        void *userdata;
} LogFollower;

/* A page of a snapshot, lent. r is 0, or -EAGAIN: discard all pages, and load() again. */
typedef void (*LogPageFunc)(int r, uint64_t revision, const LogEvent *events, size_t n_events,
                            bool is_last, void *userdata);
/* The last change of a key, 0 if there is no such key. r is 0 or -EAGAIN. */
typedef void (*LogReadFunc)(int r, uint64_t revision, void *userdata);

/* r is 0 or -EAGAIN. */
typedef void (*LogLeaveFunc)(int r, void *userdata);

typedef struct SharedLog SharedLog;

typedef struct SharedLogClass {
        SharedLog *(*free)(SharedLog *log);
        /* The number of this host, up to HOST_NUMBER_MAX, which no other one has; known as soon as
         * the log has been reached. */
        unsigned (*host)(SharedLog *log);
        /* The id of the log, by which another one at the same place is known; 0: not known yet. */
        uint64_t (*cluster)(SharedLog *log);
        /* Before the log is reached: one with another id must not be used. */
        void (*expect_cluster)(SharedLog *log, uint64_t cluster);
        /* Copies the follower. Events follow from the revision after this one; 0: only the others
         * functions are called. */
        int (*follow)(SharedLog *log, uint64_t revision, const LogFollower *follower);
        /* Lends the batch until the function is called; one at a time. */
        int (*commit)(SharedLog *log, const LogBatch *batch, LogCommitFunc func, void *userdata);
        /* Loads the keys that begin with `keys`, and accepts that the log went back. Calls the
         * function for each page; load_next() asks for the next one. One at a time; waits while the
         * log cannot be reached. */
        int (*load)(SharedLog *log, const char *keys, LogPageFunc func, void *userdata);
        int (*load_next)(SharedLog *log);
        /* Reads from a majority. Returns -EAGAIN, also at once, if the log cannot be reached. */
        int (*read)(SharedLog *log, const char *key, uint64_t timeout_ms, LogReadFunc func,
                    void *userdata);
        /* Forgets this host, which commits nothing any more: another one may get its number.
         * Returns -EAGAIN, also at once, if the log cannot be reached. Not during a commit. */
        int (*leave)(SharedLog *log, LogLeaveFunc func, void *userdata);
} SharedLogClass;

/* The first member of each log. */
struct SharedLog {
        const SharedLogClass *class;
};
