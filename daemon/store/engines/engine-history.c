/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Checks whether the log has the history of the replica, or was restored from a backup. */

#include <errno.h>
#include <inttypes.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/store/engines/engine-shared-internal.h"
#include "daemon/store/shared/shared-key.h"
#include "dbus/error.h"

int engine_shared_read_position(Environment *environment, ReplicaPosition *ret)
{
        _cleanup_(txn_end) Txn txn = {};
        int r;

        *ret = (ReplicaPosition){};
        r = environment_begin_read(environment, &txn);
        return r < 0 ? r : replica_get_position(&txn, ret);
}

/* Where the replica is, also while another history is being loaded beside. A damaged one has no
 * latest commit. */
static int read_replica(const EngineShared *shared, ReplicaPosition *ret)
{
        int r;

        if (shared->restore.is_active) {
                *ret = shared->restore.replica;
                return 0;
        }
        r = engine_shared_read_position(shared->options.environment, ret);
        ret->revision = shared->revision;
        ret->offset = shared->offset;
        return r == -EMEDIUMTYPE ? 0 : r;
}

/* The same for what follows the log: the replica, or the snapshot that is pushed to. */
static int read_follower(const EngineShared *shared, ReplicaPosition *ret)
{
        int r = engine_shared_read_position(engine_shared_environment(shared), ret);

        return r == -EMEDIUMTYPE ? 0 : r;
}

/* Results */

static uint64_t max(uint64_t a, uint64_t b)
{
        return a > b ? a : b;
}

/* Without memory, checks again later. */
static void load_or_wait(EngineShared *shared)
{
        if (engine_shared_load(shared) == 0)
                return;
        shared->history.is_checked = false;
        shared->history.needs_load = shared->history.wants_check = shared->history.waits = true;
}

static void on_same(EngineShared *shared)
{
        shared->history.is_checked = true;
        if (shared->history.needs_load)
                load_or_wait(shared);
        else if (!shared->is_following)
                (void) engine_shared_follow(shared);
        else
                engine_shared_apply(shared);
}

static void on_new_replica(EngineShared *shared)
{
        shared->offset = shared->history.record.offset;
        shared->confirmations.offset = shared->offset;
        shared->history.is_checked = true;
        load_or_wait(shared);
}

/* This host is the first one to notice that the log was restored. */
static void begin_history(EngineShared *shared, const ReplicaPosition *replica)
{
        const EngineHistory *history = &shared->history;
        uint64_t revision = history->record.offset + history->read_at, known;
        RestoreRecord record = {
                .offset = restore_offset_after(max(replica->revision, revision)),
                .kept = revision,
                .begun = history->read_at,
                .restored_at_ms = realtime_ms(),
                .is_raised = history->latest.changed_at > 0 && replica->latest.changed_at > 0 &&
                             history->read_at >= replica->revision - replica->offset,
        };

        if (record.is_raised)
                record.kept = history->record.offset + history->latest.changed_at;
        known = restore_known(&record, replica);
        if (record.kept >= known)
                record.kept = known - 1;
        if (record.offset > record.kept)
                engine_shared_write_history(shared, &record);
        else
                log_error("Failed to continue with the restored log: its revision is too high");
}

/* Whether the log lacks the latest commit of its follower. A key with another creation was made
 * anew, or is of another prefix. */
static bool has_lost_latest(const EngineShared *shared, const ReplicaPosition *follower)
{
        const LatestCommit *latest = &shared->history.latest;

        return latest->changed_at > 0 && follower->latest.changed_at > 0 &&
               latest->created_at + shared->offset == follower->latest.created_at &&
               latest->changed_at + shared->offset < follower->latest.changed_at;
}

static bool is_same(const EngineShared *shared, const ReplicaPosition *follower)
{
        const EngineHistory *history = &shared->history;

        if (shared->restore.is_active && !engine_shared_can_restore_on(shared))
                return false;
        return history->record.offset == shared->offset &&
               history->record.offset + history->read_at >= shared->revision &&
               !has_lost_latest(shared, follower);
}

static int read_positions(const EngineShared *shared, ReplicaPosition *replica,
                          ReplicaPosition *follower)
{
        int r;

        r = read_replica(shared, replica);
        return r < 0 ? r : read_follower(shared, follower);
}

static void decide(EngineShared *shared)
{
        EngineHistory *history = &shared->history;
        ReplicaPosition replica, follower;
        int r;

        r = read_positions(shared, &replica, &follower);
        /* The worker has no job that would reopen it. */
        if (r < 0 && environment_recover(shared->options.environment) > 0)
                r = read_positions(shared, &replica, &follower);
        /* Without the latest commit, a restore might not be noticed: checks again later. */
        if (r < 0)
                history->wants_check = history->waits = true;
        else if (replica.revision == 0)
                on_new_replica(shared);
        else if (is_same(shared, &follower))
                on_same(shared);
        else if (engine_shared_reset_restore(shared, &replica),
                 history->record.offset > replica.revision)
                engine_shared_restore(shared);
        else
                begin_history(shared, &replica);
}

/* Check */

static const LogEvent *find_event(const LogEvent *events, size_t n_events, const char *key)
{
        for (size_t i = 0; i < n_events; i++)
                if (streq(events[i].key, key))
                        return &events[i];
        return NULL;
}

/* No event: there is no record. */
static int read_record(const LogEvent *event, RestoreRecord *ret)
{
        RestoreRecord record = {};
        int r = 0;

        if (event)
                r = record_decode(&restore_record, event->value, event->value_len, &record);
        if (r == 0)
                *ret = record;
        return r;
}

static int read_history(EngineHistory *history, const LogEvent *events, size_t n_events)
{
        const LogEvent *latest = find_event(events, n_events, LOG_LATEST_KEY);

        history->latest = (LatestCommit){};
        if (latest)
                history->latest = (LatestCommit){.created_at = latest->created_at,
                                                 .changed_at = latest->changed_at};
        return read_record(find_event(events, n_events, RESTORE_RECORD_KEY), &history->record);
}

static void on_read(int r, uint64_t revision, const LogEvent *events, size_t n_events,
                    bool is_last _unused_, void *userdata)
{
        EngineShared *shared = userdata;
        EngineHistory *history = &shared->history;

        history->is_checking = false;
        if (r == 0)
                r = read_history(history, events, n_events);
        if (r == -EBADMSG && !history->has_failed)
                log_error("Failed to read the key %s of the shared store: it is not valid",
                          RESTORE_RECORD_KEY);
        history->has_failed = r < 0;
        history->read_at = revision;
        history->waits = r < 0;
        history->wants_check |= r < 0;
        if (r == 0 && !history->wants_check) /* the record may have been changed since */
                decide(shared);
        engine_shared_pump(shared);
}

/* Whether nothing is in flight that depends on the history. */
static bool is_idle(const EngineShared *shared)
{
        return !shared->planning && !shared->is_settling && !shared->applying &&
               !shared->restore.is_busy && (!shared->load || shared->restore.is_pushing);
}

static void start_check(EngineShared *shared)
{
        EngineHistory *history = &shared->history;

        history->wants_check = false;
        history->is_checking = true;
        if (shared->log->class->load(shared->log, SHARED_KEYS_HISTORY, on_read, shared) == 0)
                return;
        history->is_checking = false;
        history->wants_check = history->has_failed = history->waits = true;
}

void engine_shared_check_history(EngineShared *shared)
{
        shared->history.is_checked = false;
        shared->history.wants_check = true;
        shared->history.wants_write = false;
        (void) engine_shared_go_on_with_history(shared);
}

/* Write */

static void on_written(int r, uint64_t revision _unused_, const bool *done _unused_, void *userdata)
{
        EngineShared *shared = userdata;

        log_batch_clear(&shared->history.batch);
        shared->planning = false;
        if (r == 0) /* by this host, or by another one that was first */
                engine_shared_check_history(shared);
        else
                shared->history.waits = true;
        engine_shared_pump(shared);
}

static int make_batch(const EngineHistory *history, LogBatch *batch)
{
        Record record = {};
        int r;

        batch->changes = calloc(1, sizeof(LogChange));
        if (!batch->changes)
                return -ENOMEM;
        batch->n_changes = 1;
        r = record_encode(&restore_record, &history->new_record, &record);
        if (r == 0)
                r = log_change_add_write(batch->changes, strdup(RESTORE_RECORD_KEY), record.bytes,
                                         record.len, false);
        return r < 0 ? r
                     : log_change_add_condition(batch->changes, LOG_UNCHANGED_SINCE,
                                                strdup(RESTORE_RECORD_KEY), history->read_at);
}

static void start_write(EngineShared *shared)
{
        EngineHistory *history = &shared->history;
        int r;

        r = make_batch(history, &history->batch);
        if (r == 0)
                r = shared->log->class->commit(shared->log, &history->batch, on_written, shared);
        shared->planning = r == 0;
        shared->history.waits = r < 0;
        if (r < 0)
                log_batch_clear(&history->batch);
}

void engine_shared_write_history(EngineShared *shared, const RestoreRecord *record)
{
        shared->history.new_record = *record;
        shared->history.wants_write = true;
}

/* A change in flight cannot end while nothing is applied. */
static void give_up_push_back(EngineShared *shared)
{
        engine_shared_fail_all(shared, &shared->restore.queue, ERROR_STORE_FAILED);
        if (!shared->done || !shared->restore.is_pushing || shared->is_settling)
                return;
        engine_shared_forget_batch(shared);
        engine_shared_fail_all(shared, &shared->planned, ERROR_STORE_FAILED);
}

bool engine_shared_go_on_with_history(EngineShared *shared)
{
        EngineHistory *history = &shared->history;

        if (history->wants_check)
                give_up_push_back(shared);
        if (history->wants_check && !history->is_checking && !history->waits && is_idle(shared))
                start_check(shared);
        if (history->is_checked && shared->restore.is_pushing)
                engine_shared_go_on_with_restore(shared);
        if (history->wants_write && shared->reachable && !history->waits &&
            !engine_shared_has_batch(shared))
                start_write(shared);
        return !history->is_checked;
}

bool engine_shared_is_other_history(const EngineShared *shared, const LogEvent *events,
                                    size_t n_events)
{
        const LogEvent *event = find_event(events, n_events, RESTORE_RECORD_KEY);
        RestoreRecord record = {};

        return event && (!event->value || read_record(event, &record) < 0 ||
                         record.offset != shared->offset);
}

void engine_shared_see_history(EngineShared *shared, const LogEvent *events, size_t n_events,
                               bool is_own)
{
        if (!is_own &&
            (engine_shared_is_other_history(shared, events, n_events) ||
             (shared->restore.is_active && find_event(events, n_events, RESTORE_RECORD_KEY))))
                engine_shared_check_history(shared);
}
