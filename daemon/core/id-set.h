/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/*
 * A set of ids, as a hash set of 64-bit keyed digests: ten million ids fit in memory, and the key
 * prevents chosen collisions. A false positive has a probability of 2^-64 per pair of ids.
 */
typedef struct IdSet IdSet;

/* Returns 0 or a negative errno. */
int id_set_new(IdSet **ret);
IdSet *id_set_free(IdSet *set);
DEFINE_CLEANUP(IdSet *, id_set_free);

/* Returns 0 or -ENOMEM. */
int id_set_add(IdSet *set, const char *id);
bool id_set_has(const IdSet *set, const char *id);
