/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/store/engines/engine.h"
#include "daemon/store/environment/environment.h"

/* The engine of a single host: a writer thread commits all queued changes in one transaction of
 * LMDB (group commit). The environment is lent. Returns 0 or a negative errno. */
int engine_local_new(Environment *environment, Engine **ret);
