/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "daemon/store/store.h"

/*
 * Dispatches the results of store commits, with back-pressure from the journal: a flood of changes
 * delays its callers instead of dropping audit records. A stuck journal is ignored after a timeout.
 */
typedef struct CommitDispatcher CommitDispatcher;

/* Arguments must outlive it. Returns 0 or a negative errno. */
int commit_dispatcher_new(sd_event *event, Store *store, CommitDispatcher **ret);
/* Whether results are held back because of the journal. */
bool commit_dispatcher_is_throttled(const CommitDispatcher *dispatcher);
CommitDispatcher *commit_dispatcher_free(CommitDispatcher *dispatcher);
DEFINE_CLEANUP(CommitDispatcher *, commit_dispatcher_free);
