/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/model/link.h"
#include "daemon/store/environment/environment.h"
#include "daemon/store/shared/restore-record.h"

/*
 * Compares a replica with a snapshot of a log that was restored from a backup, and finds what the
 * backup lacks: links to be removed again, and links to be pushed back.
 *
 * The replica is newer than the backup, but has the same history. So a link of the snapshot that
 * the replica does not have was removed after the backup. It is removed again only if the replica
 * has a tombstone as well: the backup may be of another fleet. A link of the replica that the
 * snapshot does not have was added after the backup. But one that is not above the level of the
 * record was pushed back before, and has been removed since.
 */
typedef enum SalvagePhase {
        SALVAGE_REMOVED,
        SALVAGE_LOST,
        SALVAGE_DONE,
} SalvagePhase;

typedef struct SalvageCursor {
        SalvagePhase phase;
        char *tenancy_id; /* NULL: the first one */
        char *after;      /* authenticator; NULL: from the first link */
} SalvageCursor;

void salvage_cursor_clear(SalvageCursor *cursor);

/* As many links as one step of a change has. */
#define SALVAGE_LINKS_MAX 40U

typedef struct SalvagePage {
        SalvagePhase phase; /* of the links */
        char *tenancy_id;
        LinkList links;
        size_t n_conflicting; /* links whose authenticator is another user's in the snapshot */
        size_t n_unexplained; /* links of the backup that the replica lacks, without a tombstone */
        SalvageCursor next;
} SalvagePage;

void salvage_page_clear(SalvagePage *page);

/* Gets the next page; it may have no links. The tables are read in transactions of the writing
 * thread. Returns 0 or a negative errno. */
int salvage_next(Environment *replica, Environment *snapshot, const RestoreRecord *record,
                 const SalvageCursor *cursor, SalvagePage *ret);
