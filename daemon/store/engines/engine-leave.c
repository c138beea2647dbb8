/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The shared engine for a leave, see leave.h. */

#include "daemon/store/engines/engine-shared-internal.h"

EngineSharedMode engine_shared_mode(const Engine *engine)
{
        return ((const EngineShared *) engine)->mode;
}

void engine_shared_set_mode(Engine *engine, EngineSharedMode mode)
{
        EngineShared *shared = (EngineShared *) engine;

        shared->mode = mode;
        if (mode == SHARED_PAUSED)
                return;
        if (shared->load_waits)
                (void) engine_shared_load(shared);
        engine_shared_apply(shared);
        engine_shared_pump(shared);
}

bool engine_shared_is_busy(const Engine *engine)
{
        const EngineShared *shared = (const EngineShared *) engine;

        return engine_shared_has_batch(shared) || !STAILQ_EMPTY(&shared->waiting);
}

bool engine_shared_is_loading(const Engine *engine)
{
        return ((const EngineShared *) engine)->load;
}

bool engine_shared_is_reachable(const Engine *engine)
{
        return ((const EngineShared *) engine)->reachable;
}

int engine_shared_apply_error(const Engine *engine)
{
        return ((const EngineShared *) engine)->apply_error;
}

const EngineSharedOptions *engine_shared_options(const Engine *engine)
{
        return &((const EngineShared *) engine)->options;
}

Leave **engine_shared_leave(Engine *engine)
{
        return &((EngineShared *) engine)->leave;
}

void engine_shared_queue_job(Engine *engine, Job *job)
{
        worker_queue(((EngineShared *) engine)->worker, job);
}
