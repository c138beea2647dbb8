/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "daemon/store/store.h"

/*
 * Gives out what became of changes to the store, as they end, but no faster than the journal takes
 * the records of them: else many changes, by accident or to hide one among them, would cost the
 * record of some. Meanwhile those who asked for them wait. A journal that takes nothing at all does
 * not keep them for long.
 */
typedef struct CommitDispatcher CommitDispatcher;

/* What is passed is lent, and outlives it. Returns 0 or a negative errno. */
int commit_dispatcher_new(sd_event *event, Store *store, CommitDispatcher **ret);
/* Whether some may have ended that are not told, since the journal is waited for. */
bool commit_dispatcher_is_throttled(const CommitDispatcher *dispatcher);
CommitDispatcher *commit_dispatcher_free(CommitDispatcher *dispatcher);
DEFINE_CLEANUP(CommitDispatcher *, commit_dispatcher_free);
