/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/store/engines/engine.h"
#include "daemon/store/engines/leave.h"
#include "daemon/store/engines/worker.h"
#include "daemon/store/environment/environment.h"
#include "daemon/store/shared/replica.h"

/*
 * The engine of a store that several hosts share. A change is planned on the replica (plan.h),
 * committed in the shared log under the conditions of the plan, and completed when the replica has
 * reached its revision. If the conditions do not hold, another host was first, and the change is
 * planned again. While the log cannot be reached, changes fail with STORE_FAILED.
 *
 * The thread of the worker reads and writes the replica; all else is in the caller's thread.
 */
typedef struct EngineSharedOptions {
        Environment *environment; /* lent */
        SharedLog *log;           /* owned, also on failure */
        bool may_be_alone;        /* exchanges go on while the log cannot be reached */
        bool has_left;            /* this host has left: changes fail */
        /* Links that other hosts have added or removed, lent. May be NULL. */
        void (*changed)(const ReplicaNews *news, void *userdata);
        void (*loaded)(void *userdata); /* the replica can be read, or is new; may be NULL */
        /* The log was restored from a backup, and what it had lost was pushed back. May be NULL. */
        void (*restored)(const RestoreCounts *counts, void *userdata);
        /* A host has been away for a while: its intents may be taken over. May be NULL. */
        void (*away)(unsigned host, void *userdata);
        void *userdata;
} EngineSharedOptions;

/* Returns 0 or a negative errno. */
int engine_shared_new(const EngineSharedOptions *options, Engine **ret);
/* See EngineSharedOptions.may_be_alone. */
void engine_shared_set_may_be_alone(Engine *engine, bool may_be_alone);
void engine_shared_get_status(Engine *engine, ReplicaStatus *ret);

/* For a leave, see leave.h. */
typedef enum EngineSharedMode {
        SHARED_OPEN,
        SHARED_CLOSED, /* changes fail with STORE_FAILED, but for those of the leave */
        SHARED_PAUSED, /* the replica is not written, too, after the jobs that are queued */
        SHARED_LEFT,   /* as closed, and the outbox is not pushed: the own store has it */
} EngineSharedMode;

EngineSharedMode engine_shared_mode(const Engine *engine);
void engine_shared_set_mode(Engine *engine, EngineSharedMode mode);
/* Whether changes have not ended. */
bool engine_shared_is_busy(const Engine *engine);
bool engine_shared_is_loading(const Engine *engine);
bool engine_shared_is_reachable(const Engine *engine);
/* Returns 0 if the last write to the replica succeeded, or a negative errno. */
int engine_shared_apply_error(const Engine *engine);
/* Lent. */
const EngineSharedOptions *engine_shared_options(const Engine *engine);
/* Where the engine keeps the leave in progress, which it frees. */
Leave **engine_shared_leave(Engine *engine);
void engine_shared_queue_job(Engine *engine, Job *job);
