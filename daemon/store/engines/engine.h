/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/store/changes/change.h"
#include "daemon/store/engines/confirmation.h"

/*
 * An engine makes changes durable, in the order of the calls, and decides their results. The result
 * of a change is readable in the LMDB environment before the change is collected. Reads use the
 * environment directly.
 */
typedef struct Engine Engine;

typedef struct EngineClass {
        /* Carries out all queued changes, and frees them without a report. */
        Engine *(*free)(Engine *engine);
        /* Takes ownership of the change. */
        void (*queue)(Engine *engine, StoreChange *change);
        /* Readable when collect() has results. */
        int (*get_fd)(Engine *engine);
        /* Moves completed changes to the end of `ended`. */
        void (*collect)(Engine *engine, ChangeQueue *ended);
        /* Whether the environment has what was stored: 0 or STORE_FAILED. NULL: always. */
        int (*is_readable)(Engine *engine);
        /* Whether an intent is of another host. NULL: the store is not shared. */
        bool (*is_elsewhere)(Engine *engine, uint64_t id);
        /* Where misses are confirmed, lent. NULL: they need not be. */
        ConfirmationList *(*confirmations)(Engine *engine);
        /* Whether an intent is of an earlier process of this host. NULL: if its id is below that of
         * environment_first_id(). */
        bool (*is_left)(Engine *engine, uint64_t id);
        /* Changes that other hosts do not have yet. NULL: none. */
        uint64_t (*outbox)(Engine *engine);
        /* Releases cached memory soon. */
        void (*release_memory)(Engine *engine);
} EngineClass;

/* The first member of each engine. */
struct Engine {
        const EngineClass *class;
};

static inline Engine *engine_free(Engine *engine)
{
        return engine ? engine->class->free(engine) : NULL;
}
DEFINE_CLEANUP(Engine *, engine_free);
