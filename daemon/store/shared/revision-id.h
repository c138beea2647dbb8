/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/*
 * Ids in a shared store: a revision of the log, the number of a host, and a number among the ids
 * that the host has given for that revision. So ids ascend on all hosts, approximately in the order
 * of the log. A link's id is that of the revision that added it; the id of an intent or a tombstone
 * is given before its revision is known, and is that of the next one.
 *
 * A host that takes over an intent of another one gives it an id with the same revision, so that it
 * keeps its place, with its own number, and with a slot from ID_MOVED on.
 */
#define REVISION_MAX    ((UINT64_C(1) << 44) - 2)
#define HOST_NUMBER_MAX 254U
#define NO_HOST_NUMBER  255U /* of ids that each replica gives itself */
#define ID_SLOTS        4096U
#define ID_MOVED        2048U

/* How far an id may be ahead of the log: hosts give ids while it is away. */
#define ID_AHEAD_MAX (UINT64_C(1) << 24)

static inline uint64_t revision_id(uint64_t revision, unsigned host, unsigned slot)
{
        assert(revision <= REVISION_MAX + 1 && host <= NO_HOST_NUMBER && slot < ID_SLOTS);
        return revision << 20 | (uint64_t) host << 12 | slot;
}

static inline uint64_t revision_of_id(uint64_t id)
{
        return id >> 20;
}

static inline unsigned host_of_id(uint64_t id)
{
        return id >> 12 & 0xff;
}

static inline bool id_is_moved(uint64_t id)
{
        return id & ID_MOVED;
}

/* Links that came from the log have no host in their id; those that wait in the outbox have one. */
static inline bool link_id_is_shared(uint64_t id)
{
        return id == revision_id(revision_of_id(id), 0, 0);
}
