/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/*
 * A set of ids that only tells whether it has seen one: 8 bytes of a keyed digest for each, so that
 * ten million fit in memory and nobody can choose ids that collide. Two ids are taken for the same
 * with a chance of one in 2^64.
 */
typedef struct IdSet IdSet;

/* Returns 0 or a negative errno. */
int id_set_new(IdSet **ret);
IdSet *id_set_free(IdSet *set);
DEFINE_CLEANUP(IdSet *, id_set_free);

/* Returns 0 or -ENOMEM. */
int id_set_add(IdSet *set, const char *id);
bool id_set_has(const IdSet *set, const char *id);
