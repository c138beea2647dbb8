/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/store/lmdb/codec.h"
#include "daemon/store/shared/replica.h"

/*
 * Written to the shared log by the first host that notices that the log was restored from a backup.
 * From then on all hosts add `offset` to the revisions of the log. So revisions, and the ids made
 * of them, are above all that existed before, and a replica with another offset is known to have
 * another history. A log that was never restored has no record: the offset is 0.
 *
 * A replica of before has nothing that the log lacks if its revision is not above `kept`, nor if it
 * is not above `done`. The host of a replica at `level` has pushed back all links, but may have to
 * repeat removals. These are revisions with the offset of before.
 *
 * If the revision of the restored log was raised (`is_raised`), the revisions of replicas that have
 * followed it since the restore are high. So kept, level and done are compared with the latest
 * commits that replicas have, instead of their revisions.
 */
typedef struct RestoreRecord {
        uint64_t offset;
        uint64_t kept;  /* the revision of the backup, or a later one */
        uint64_t level; /* the highest revision of a replica whose links were pushed back */
        uint64_t done;  /* likewise, and whose removals were repeated */
        uint64_t begun; /* the revision of the log before the record, without an offset */
        uint64_t restored_at_ms; /* when it was noticed, CLOCK_REALTIME */
        bool is_raised;          /* the revision did not go back */
} RestoreRecord;

extern const RecordType restore_record; /* RestoreRecord */

#define RESTORE_RECORD_KEY "history/restored"

/* How far a replica is, as kept, level and done are. */
uint64_t restore_known(const RestoreRecord *record, const ReplicaPosition *replica);

/* The offset after a revision: no host was this far ahead of another one. Returns 0 if the revision
 * is too high. */
uint64_t restore_offset_after(uint64_t revision);
