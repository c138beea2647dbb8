/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <endian.h>
#include <errno.h>
#include <openssl/evp.h>

#include "base/log.h"
#include "daemon/store/intent-table.h"
#include "daemon/store/tombstone-table.h"

/* Longer than a code is valid: an older tombstone matters only after a clock jump. */
#define KEPT_MS (15U * 60U * 1000U)

/* Old tombstones dropped per new one. */
#define DROPPED_PER_ADDED 2U

static int digest_authenticator(const char *authenticator_id,
                                uint8_t ret[static AUTHENTICATOR_DIGEST_LEN])
{
        uint8_t md[EVP_MAX_MD_SIZE];

        if (!EVP_Digest(authenticator_id, strlen(authenticator_id), md, NULL, EVP_sha256(), NULL))
                return log_errno_origin(-EIO);
        memcpy(ret, md, AUTHENTICATOR_DIGEST_LEN);
        return 0;
}

/* meta: the time of the latest dropped tombstone */

static MDB_val dropped_key(void)
{
        static char name[] = "decisions-dropped";

        return (MDB_val){.mv_data = name, .mv_size = strlen(name)};
}

static int get_dropped(Txn *txn, uint64_t *ret_ms)
{
        uint64_t time;
        MDB_val value;
        int r;

        r = txn_get(txn, DATABASE_META, dropped_key(), &value);
        if (r == 0 && value.mv_size != sizeof(time))
                return -EBADMSG;
        if (r < 0 && r != -ENOENT)
                return r;
        *ret_ms = 0;
        if (r == 0) {
                memcpy(&time, value.mv_data, sizeof(time));
                *ret_ms = be64toh(time);
        }
        return 0;
}

static int put_dropped(Txn *txn, uint64_t ms)
{
        uint64_t time = htobe64(ms);

        return txn_put(txn, DATABASE_META, dropped_key(),
                       (MDB_val){.mv_data = &time, .mv_size = sizeof(time)});
}

/* Gets the tombstone that `op` selects. -ENOENT if there is none. */
static int get_tombstone(MDB_cursor *cursor, MDB_cursor_op op, uint64_t *ret_id,
                         TombstoneRecord *ret)
{
        MDB_val key, value;
        int r;

        r = cursor_get(cursor, op, &key, &value);
        if (r == 0)
                r = key_parse_id(key.mv_data, key.mv_size, ret_id);
        return r < 0 ? r : record_to_tombstone(value.mv_data, value.mv_size, ret);
}

static int get_end_tombstone(Txn *txn, MDB_cursor_op op, uint64_t *ret_id, TombstoneRecord *ret)
{
        _cleanup_(mdb_cursor_closep) MDB_cursor *cursor = NULL;
        int r;

        r = txn_cursor(txn, DATABASE_TOMBSTONES, &cursor);
        return r < 0 ? r : get_tombstone(cursor, op, ret_id, ret);
}

static int drop_one(Txn *txn, uint64_t oldest_open_ms)
{
        TombstoneRecord tombstone;
        uint64_t id;
        StoreKey key;
        int r;

        r = get_end_tombstone(txn, MDB_FIRST, &id, &tombstone);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        if (tombstone.tombstoned_at_ms + KEPT_MS >= oldest_open_ms)
                return 0;
        key_for_id(id, &key);
        r = txn_delete(txn, DATABASE_TOMBSTONES, key_val(&key), NULL);
        return r < 0 ? r : put_dropped(txn, tombstone.tombstoned_at_ms);
}

static int drop_old(Txn *txn)
{
        uint64_t n, oldest_open_ms;
        int r;

        r = txn_count(txn, DATABASE_TOMBSTONES, &n);
        if (r < 0 || n <= TOMBSTONES_MAX)
                return r;
        r = intent_table_oldest(txn, &oldest_open_ms);
        for (unsigned i = 0; r == 0 && i < DROPPED_PER_ADDED; i++)
                r = drop_one(txn, oldest_open_ms);
        return r;
}

int tombstone_table_add(Txn *txn, uint32_t tenancy, const char *authenticator_id)
{
        TombstoneRecord tombstone = {.tenancy = tenancy,
                                     .tombstoned_at_ms = store_clock_now_ms(txn->clock)};
        _cleanup_(record_clear) Record record = {};
        StoreKey key;
        int r;

        assert(txn->clock); /* the store is validated */
        r = digest_authenticator(authenticator_id, tombstone.authenticator);
        if (r == 0)
                r = record_from_tombstone(&tombstone, &record);
        if (r < 0)
                return r;
        key_for_id(store_clock_next_id(txn->clock), &key);
        r = txn_put(txn, DATABASE_TOMBSTONES, key_val(&key),
                    (MDB_val){.mv_data = record.bytes, .mv_size = record.len});
        return r < 0 ? r : drop_old(txn);
}

/* An index of candidates by digest. */
typedef struct IndexEntry {
        uint8_t digest_authenticator[AUTHENTICATOR_DIGEST_LEN];
        RecoveryCandidate *candidate;
} IndexEntry;

typedef struct Index {
        IndexEntry *entries; /* sorted */
        size_t n_entries;
} Index;

static void index_clear(Index *index)
{
        free(index->entries);
}

static int compare_entries(const void *a, const void *b)
{
        return memcmp(((const IndexEntry *) a)->digest_authenticator,
                      ((const IndexEntry *) b)->digest_authenticator, AUTHENTICATOR_DIGEST_LEN);
}

/* A vault that changes during paging may list a passkey twice: the first entry counts. */
static void index_drop_duplicates(Index *index)
{
        size_t n = 0;

        for (size_t i = 0; i < index->n_entries; i++)
                if (n > 0 && compare_entries(&index->entries[n - 1], &index->entries[i]) == 0)
                        index->entries[i].candidate->linked = true;
                else
                        index->entries[n++] = index->entries[i];
        index->n_entries = n;
}

static int index_candidates(Recovery *recovery, Index *ret)
{
        _cleanup_(index_clear) Index index = {
                .entries = calloc(recovery->n_candidates + 1, sizeof(IndexEntry)),
                .n_entries = recovery->n_candidates,
        };
        int r = 0;

        if (!index.entries)
                return -ENOMEM;
        for (size_t i = 0; r == 0 && i < recovery->n_candidates; i++) {
                RecoveryCandidate *candidate = &recovery->candidates[i];

                candidate->tombstone_id = 0;
                index.entries[i].candidate = candidate;
                r = digest_authenticator(candidate->link->authenticator_id,
                                         index.entries[i].digest_authenticator);
        }
        if (r < 0)
                return r;
        qsort(index.entries, index.n_entries, sizeof(IndexEntry), compare_entries);
        index_drop_duplicates(&index);
        *ret = TAKE(index, (Index){});
        return 0;
}

/* Older tombstones concern no claim. */
static uint64_t earliest_of_interest(const Recovery *recovery)
{
        uint64_t earliest_ms = UINT64_MAX;

        for (size_t i = 0; i < recovery->n_claims; i++) {
                const RecoveryClaim *claim = &recovery->claims[i];
                uint64_t ms = claim->begun_at_ms > claim->reach_ms
                                      ? claim->begun_at_ms - claim->reach_ms
                                      : 0;

                if (!claim->resolved && ms < earliest_ms)
                        earliest_ms = ms;
        }
        return earliest_ms;
}

static void apply_tombstone(const Index *index, uint64_t id, const TombstoneRecord *tombstone)
{
        const IndexEntry *found;
        IndexEntry wanted;

        memcpy(wanted.digest_authenticator, tombstone->authenticator, AUTHENTICATOR_DIGEST_LEN);
        found = bsearch(&wanted, index->entries, index->n_entries, sizeof(IndexEntry),
                        compare_entries);
        if (!found || found->candidate->tombstone_id > 0)
                return;
        found->candidate->tombstone_id = id;
        found->candidate->tombstoned_at_ms = tombstone->tombstoned_at_ms;
}

int tombstone_table_apply(Txn *txn, uint32_t tenancy, Recovery *recovery, bool *ret_complete)
{
        _cleanup_(mdb_cursor_closep) MDB_cursor *cursor = NULL;
        _cleanup_(index_clear) Index index = {};
        uint64_t earliest_ms = earliest_of_interest(recovery), dropped_ms, id;
        TombstoneRecord tombstone;
        int r;

        r = get_dropped(txn, &dropped_ms);
        if (r == 0)
                r = index_candidates(recovery, &index);
        if (r == 0)
                r = txn_cursor(txn, DATABASE_TOMBSTONES, &cursor);
        if (r < 0)
                return r;
        for (r = get_tombstone(cursor, MDB_LAST, &id, &tombstone);
             r == 0 && tombstone.tombstoned_at_ms >= earliest_ms;
             r = get_tombstone(cursor, MDB_PREV, &id, &tombstone))
                if (tombstone.tenancy == tenancy)
                        apply_tombstone(&index, id, &tombstone);
        if (r < 0 && r != -ENOENT)
                return r;
        *ret_complete = dropped_ms == 0 || dropped_ms < earliest_ms;
        return 0;
}

int tombstone_table_latest(Txn *txn, uint64_t *ret_tombstoned_at_ms)
{
        TombstoneRecord tombstone = {};
        uint64_t id;
        int r;

        r = get_end_tombstone(txn, MDB_LAST, &id, &tombstone);
        if (r < 0 && r != -ENOENT && r != -EBADMSG)
                return r;
        *ret_tombstoned_at_ms = tombstone.tombstoned_at_ms;
        return 0;
}
