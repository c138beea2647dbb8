/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * After the log was restored from a backup: loads it beside the replica, which answers look-ups
 * meanwhile, follows it there, pushes back what it lacks, and then replaces the replica.
 *
 * A replica with a higher revision, or a later commit (see restore_known()), knows all that another
 * one knows, because both have the same history. So a host that has pushed everything back
 * publishes the revision of its replica: hosts below it only load the log anew. Their changes in
 * flight have the condition that the record is unchanged. After that, the host repeats removals
 * once more, of links that they have pushed back before. Each step can be repeated: a crash begins
 * again with the replica.
 */

#include <errno.h>
#include <inttypes.h>

#include "base/log.h"
#include "daemon/store/engines/engine-shared-internal.h"

/* After so many conflicts in a row, wait for the next news of the log. */
#define CONFLICTS_MAX 100U

/* Begin and end */

static void begin(EngineShared *shared, const ReplicaPosition *replica)
{
        EngineRestore *restore = &shared->restore;

        restore->replica = *replica;
        restore->is_active = true;
        restore->counts = (RestoreCounts){};
        shared->confirmations.is_off = true;
        log_error("The shared store was restored from a backup, or has lost its latest changes: "
                  "links are read from the replica of this host, at revision %" PRIu64
                  ", and not changed until they have been compared",
                  shared->revision);
}

static void drop_snapshot(EngineShared *shared)
{
        EngineRestore *restore = &shared->restore;

        shared->load = replica_load_free(shared->load);
        shared->revision = restore->replica.revision;
        restore->is_pushing = restore->is_published = false;
        salvage_cursor_clear(&restore->cursor);
        salvage_cursor_clear(&restore->next);
}

void engine_shared_reset_restore(EngineShared *shared, const ReplicaPosition *replica)
{
        if (!shared->restore.is_active)
                begin(shared, replica);
        else
                drop_snapshot(shared);
        shared->is_following = false;
        update_queue_clear(&shared->arrived);
        shared->late_at_ms = 0;
}

bool engine_shared_can_restore_on(const EngineShared *shared)
{
        const RestoreRecord *record = &shared->history.record;

        return shared->restore.is_pushing && !shared->history.needs_load &&
               record->offset == shared->offset &&
               record->offset + shared->history.read_at >= shared->revision &&
               record->level <= restore_known(record, &shared->restore.replica);
}

/* Whether the latest commit of the replica was made after the restore: the replica has followed the
 * restored log, and has nothing that it lacks. */
static bool has_followed(const EngineHistory *history, const ReplicaPosition *replica)
{
        uint64_t commit = replica->latest.changed_at;

        return history->record.is_raised && commit > replica->offset + history->record.begun &&
               commit <= replica->offset + history->latest.changed_at;
}

void engine_shared_restore(EngineShared *shared)
{
        const RestoreRecord *record = &shared->history.record;
        const ReplicaPosition *replica = &shared->restore.replica;
        uint64_t known = restore_known(record, replica);

        shared->offset = shared->confirmations.offset = record->offset;
        shared->history.is_checked = true;
        shared->restore.pushes_back = known > record->kept && known > record->done &&
                                      known >= record->level &&
                                      !has_followed(&shared->history, replica);
        (void) engine_shared_load(shared);
}

void engine_shared_end_restore(EngineShared *shared)
{
        EngineRestore *restore = &shared->restore;

        if (!restore->is_active)
                return;
        if (!restore->pushes_back)
                log_notice("The replica of this host had no link that the restored store lacks");
        restore->is_active = restore->pushes_back = restore->is_pushing = false;
        restore->is_published = false;
        salvage_cursor_clear(&restore->cursor);
        shared->confirmations.is_off = false;
        shared->outbox_waits = false;
}

/* Push back */

void engine_shared_push_back(EngineShared *shared)
{
        shared->restore.is_pushing = true;
        shared->restore.n_conflicts = 0;
}

static void advance(EngineShared *shared)
{
        EngineRestore *restore = &shared->restore;

        salvage_cursor_clear(&restore->cursor);
        restore->cursor = TAKE(restore->next, (SalvageCursor){});
        restore->n_conflicts = 0;
        if (restore->is_published) /* counted in the first pass */
                return;
        restore->counts.n_conflicting += restore->page.n_conflicting;
        restore->counts.n_unexplained += restore->page.n_unexplained;
}

static void on_change_ended(EngineShared *shared, int r)
{
        EngineRestore *restore = &shared->restore;

        restore->is_busy = false;
        if (r == 0)
                advance(shared);
        else if (++restore->n_conflicts > CONFLICTS_MAX)
                shared->history.waits = true;
        engine_shared_pump(shared);
}

static void on_imported(int r, const LinkList *links, const LinkOutcome *outcomes, void *userdata)
{
        EngineShared *shared = userdata;
        RestoreCounts *counts = &shared->restore.counts;

        for (size_t i = 0; r == 0 && i < links->n_links; i++) {
                counts->n_added += outcomes[i] == LINK_ADDED;
                counts->n_conflicting += outcomes[i] == LINK_CONFLICTING;
                counts->n_exceeding +=
                        outcomes[i] == LINK_EXCEEDING && !shared->restore.is_published;
        }
        on_change_ended(shared, r);
}

static void on_removed(int r, const LinkList *removed, void *userdata)
{
        EngineShared *shared = userdata;

        shared->restore.counts.n_removed += removed->n_links;
        on_change_ended(shared, r);
}

static int start_change(EngineShared *shared, const SalvagePage *page)
{
        StoreChange *change;
        int r;

        r = page->phase == SALVAGE_REMOVED
                    ? change_new_remove_unchanged(page->tenancy_id, &page->links, 0, on_removed,
                                                  shared, &change)
                    : change_new_import(page->tenancy_id, &page->links, false, on_imported, shared,
                                        &change);
        if (r < 0)
                return r;
        change->is_push_back = true;
        shared->restore.is_busy = true;
        STAILQ_INSERT_TAIL(&shared->restore.queue, change, entry);
        return 0;
}

static void on_salvaged(SalvageJob *job)
{
        EngineShared *shared = job->userdata;
        EngineRestore *restore = &shared->restore;
        int r = job->r;

        restore->is_busy = false;
        restore->cursor = TAKE(job->cursor, (SalvageCursor){});
        salvage_cursor_clear(&restore->next);
        restore->next = TAKE(job->page.next, (SalvageCursor){});
        restore->page = (RestoreCounts){
                .n_conflicting = job->page.n_conflicting,
                .n_unexplained = job->page.n_unexplained,
        };
        if (r == 0 && job->page.links.n_links > 0)
                r = start_change(shared, &job->page);
        else if (r == 0)
                advance(shared);
        if (r < 0) {
                log_error("Failed to compare the replica with the restored store: %s; retrying",
                          strerror(-r));
                shared->history.waits = true;
        }
        engine_shared_pump(shared);
}

static void start_page(EngineShared *shared)
{
        EngineRestore *restore = &shared->restore;
        SalvageJob *job =
                salvage_job_new(shared->options.environment, engine_shared_environment(shared),
                                &shared->history.record, &restore->cursor, on_salvaged, shared);

        restore->is_busy = job;
        shared->history.waits = !job;
        if (job)
                worker_queue(shared->worker, &job->job);
}

/* End */

static void on_replaced(ReplaceJob *job)
{
        EngineShared *shared = job->userdata;
        RestoreCounts counts = shared->restore.counts;

        shared->planning = shared->restore.is_busy = shared->restore.is_ending = false;
        shared->load = replica_load_free(shared->load);
        shared->restore.is_pushing = false;
        if (job->r < 0) {
                log_error("Failed to replace the replica by the restored store: %s; retrying",
                          strerror(-job->r));
                engine_shared_check_history(shared);
                engine_shared_pump(shared);
                return;
        }
        engine_shared_end_restore(shared);
        if (shared->options.restored)
                shared->options.restored(&counts, shared->options.userdata);
        if (shared->options.loaded)
                shared->options.loaded(shared->options.userdata);
        confirmations_reach(&shared->confirmations, shared->revision);
        engine_shared_apply(shared);
        engine_shared_pump(shared);
}

/* Nothing else may use the replica meanwhile: `planning` keeps other changes back. */
static void start_replacing(EngineShared *shared)
{
        ReplaceJob *job = replace_job_new(shared->load, on_replaced, shared);

        shared->history.waits = !job;
        if (!job)
                return;
        shared->planning = shared->restore.is_busy = shared->restore.is_ending = true;
        worker_queue(shared->worker, &job->job);
}

/* Compares once, publishes, compares again, publishes, and ends. */
static void end_pass(EngineShared *shared)
{
        EngineRestore *restore = &shared->restore;
        RestoreRecord record = shared->history.record;
        uint64_t known = restore_known(&record, &restore->replica);

        if (record.level < known) {
                record.level = known;
                engine_shared_write_history(shared, &record);
        } else if (!restore->is_published) {
                restore->is_published = true;
                salvage_cursor_clear(&restore->cursor);
                start_page(shared);
        } else if (record.done < known) {
                record.done = known;
                engine_shared_write_history(shared, &record);
        } else if (!engine_shared_has_batch(shared)) {
                start_replacing(shared);
        }
}

void engine_shared_go_on_with_restore(EngineShared *shared)
{
        if (shared->restore.is_busy || shared->history.waits || !shared->reachable)
                return;
        if (shared->restore.cursor.phase == SALVAGE_DONE)
                end_pass(shared);
        else
                start_page(shared);
}
