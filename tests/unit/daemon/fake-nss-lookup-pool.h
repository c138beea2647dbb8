/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/nss-lookup-pool.h"

/* lookups.h without threads: a test sees what is asked for, and gives the answers. There is one.
 * The name of a group begins with "%" here. */

/* What was asked for and is neither answered nor cancelled, in order. */
extern char fake_asked[16][32];
extern size_t fake_n_asked;
/* How often all that was asked has been cancelled. */
extern size_t fake_n_cancelled;

void fake_lookups_reset(void);
bool fake_is_asked(const char *name);
void fake_answer(const char *name, int r, uint32_t id);
