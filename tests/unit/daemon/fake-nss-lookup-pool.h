/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/nss-lookup-pool.h"

/* A fake of nss-lookup-pool.h without threads: the test sees the lookups and gives the results.
 * Group names begin with "%" here. */

/* Pending lookups, in order. */
extern char fake_asked[16][32];
extern size_t fake_n_asked;
/* The number of cancellations. */
extern size_t fake_n_cancelled;

void fake_lookups_reset(void);
bool fake_is_asked(const char *name);
void fake_answer(const char *name, int r, uint32_t id);
