/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <openssl/evp.h>

#include "daemon/store/tables/intent-table.h"
#include "daemon/store/tables/meta-table.h"
#include "daemon/store/tables/tenancy-table.h"
#include "daemon/store/tables/tombstone-table.h"

/* Longer than the lifetime of a code. An older tombstone matters only after a clock jump. */
#define KEPT_MS (15U * 60U * 1000U)

/* Tombstones dropped per added tombstone. */
#define DROPPED_PER_ADDED 2U

static int digest(TombstoneSubject subject, const char *id, uint8_t ret[static SUBJECT_DIGEST_LEN])
{
        uint8_t md[EVP_MAX_MD_SIZE];
        size_t len = strlen(id);

        if (subject == TOMBSTONE_USER)
                len++; /* the terminating zero, which no authenticator id contains */
        if (!EVP_Digest(id, len, md, NULL, EVP_sha256(), NULL))
                return -EIO;
        memcpy(ret, md, SUBJECT_DIGEST_LEN);
        return 0;
}

/* Reads the tombstone at the cursor position `op`. Returns -ENOENT if there is none. */
static int get_tombstone(MDB_cursor *cursor, MDB_cursor_op op, uint64_t *ret_id,
                         TombstoneRecord *ret)
{
        MDB_val key, value;
        int r;

        r = cursor_get(cursor, op, &key, &value);
        if (r == 0)
                r = key_parse_id(key.mv_data, key.mv_size, ret_id);
        return r < 0 ? r : record_decode(&tombstone_record, value.mv_data, value.mv_size, ret);
}

static int get_end(Txn *txn, MDB_cursor_op op, uint64_t *ret_id, TombstoneRecord *ret)
{
        _cleanup_(mdb_cursor_closep) MDB_cursor *cursor = NULL;
        int r;

        r = txn_cursor(txn, DATABASE_TOMBSTONES, &cursor);
        return r < 0 ? r : get_tombstone(cursor, op, ret_id, ret);
}

static int drop_one(Txn *txn, uint64_t oldest_open_ms)
{
        TombstoneRecord decision = {};
        uint64_t id;
        StoreKey key;
        int r;

        r = get_end(txn, MDB_FIRST, &id, &decision);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        if (decision.tombstoned_at_ms + KEPT_MS >= oldest_open_ms)
                return 0;
        key_for_id(id, &key);
        r = txn_delete(txn, DATABASE_TOMBSTONES, key_val(&key), NULL);
        return r < 0 ? r
                     : meta_table_put_time(txn, META_DECISIONS_DROPPED, decision.tombstoned_at_ms);
}

static int drop_old(Txn *txn)
{
        uint64_t n, oldest_open_ms = UINT64_MAX;
        int r;

        r = txn_count(txn, DATABASE_TOMBSTONES, &n);
        if (r < 0 || n <= TOMBSTONES_MAX)
                return r;
        if (n <= DECISIONS_OPEN_MAX)
                r = intent_table_oldest(txn, &oldest_open_ms);
        for (unsigned i = 0; r == 0 && i < DROPPED_PER_ADDED; i++)
                r = drop_one(txn, oldest_open_ms);
        return r;
}

int tombstone_table_add(Txn *txn, uint32_t tenancy, TombstoneSubject subject, const char *id)
{
        TombstoneRecord decision = {.tenancy = tenancy,
                                    .tombstoned_at_ms = store_clock_now_ms(txn->clock)};
        StoreKey key;
        int r;

        r = digest(subject, id, decision.subject);
        if (r < 0)
                return r;
        key_for_id(store_clock_next_id(txn->clock), &key);
        r = txn_put_record(txn, DATABASE_TOMBSTONES, key_val(&key), &tombstone_record, &decision);
        return r < 0 ? r : drop_old(txn);
}

int tombstone_table_set(Txn *txn, const char *tenancy_id, uint64_t id,
                        const TombstoneRecord *record)
{
        TombstoneRecord tombstone = *record;
        TenancyRecord tenancy;
        StoreKey key;
        int r;

        r = tenancy_table_get_or_new(txn, tenancy_id, &tenancy);
        if (r == 0)
                r = tenancy_table_put(txn, tenancy_id, &tenancy);
        if (r < 0)
                return r;
        tombstone.tenancy = tenancy.number;
        tombstone.tombstoned_at_ms = store_clock_now_ms(txn->clock);
        key_for_id(id, &key);
        r = txn_put_record(txn, DATABASE_TOMBSTONES, key_val(&key), &tombstone_record, &tombstone);
        return r < 0 ? r : drop_old(txn);
}

/* A crash may interrupt an open exchange of any tenancy. */
int tombstone_table_add_if_open(Txn *txn, const char *tenancy_id, TombstoneSubject subject,
                                const char *id)
{
        TenancyRecord tenancy;
        uint64_t intent_id;
        int r;

        r = intent_table_last_id(txn, DATABASE_INTENTS, &intent_id);
        if (r == 0 && intent_id == 0)
                return 0;
        if (r == 0)
                r = tenancy_table_get(txn, tenancy_id, &tenancy);
        if (r == 0)
                r = tombstone_table_add(txn, tenancy.number, subject, id);
        return r == -ENOENT ? 0 : r;
}

/* Index of candidates by the digest of authenticator id and user id. */
typedef struct IndexEntry {
        uint8_t digest[SUBJECT_DIGEST_LEN];
        bool is_user;
        RecoveryCandidate *candidate;
} IndexEntry;

typedef struct Index {
        IndexEntry *entries; /* sorted; digests may repeat */
        size_t n_entries;
} Index;

static void index_clear(Index *index)
{
        free(index->entries);
}

static int compare_entries(const void *a, const void *b)
{
        return memcmp(((const IndexEntry *) a)->digest, ((const IndexEntry *) b)->digest,
                      SUBJECT_DIGEST_LEN);
}

static int index_add(Index *index, RecoveryCandidate *candidate)
{
        IndexEntry *entries = index->entries + index->n_entries;
        int r;

        candidate->tombstone_id = 0;
        candidate->duplicate = false;
        entries[0] = (IndexEntry){.candidate = candidate};
        entries[1] = (IndexEntry){.candidate = candidate, .is_user = true};
        r = digest(TOMBSTONE_AUTHENTICATOR, candidate->link->authenticator_id, entries[0].digest);
        if (r == 0)
                r = digest(TOMBSTONE_USER, candidate->link->user_id, entries[1].digest);
        index->n_entries += 2;
        return r;
}

/* A vault that changes during paging may list a passkey twice; ignore the second. */
static void index_note_duplicates(Index *index)
{
        for (size_t i = 1; i < index->n_entries; i++) {
                IndexEntry *e = &index->entries[i];

                e->candidate->duplicate |= !e->is_user && compare_entries(e - 1, e) == 0;
        }
}

static int index_candidates(Recovery *recovery, Index *ret)
{
        _cleanup_(index_clear) Index index = {
                .entries = calloc(2 * recovery->n_candidates + 1, sizeof(IndexEntry)),
        };
        int r = 0;

        if (!index.entries)
                return -ENOMEM;
        for (size_t i = 0; r == 0 && i < recovery->n_candidates; i++)
                r = index_add(&index, &recovery->candidates[i]);
        if (r < 0)
                return r;
        qsort(index.entries, index.n_entries, sizeof(IndexEntry), compare_entries);
        index_note_duplicates(&index);
        *ret = TAKE(index, (Index){});
        return 0;
}

/* Returns the first entry with the digest, or NULL. */
static IndexEntry *index_find(const Index *index, const IndexEntry *wanted)
{
        IndexEntry *e = bsearch(wanted, index->entries, index->n_entries, sizeof(IndexEntry),
                                compare_entries);

        while (e && e > index->entries && compare_entries(e - 1, wanted) == 0)
                e--;
        return e;
}

/* Earlier tombstones affect no claim. */
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

static void note(const Index *index, uint64_t id, const TombstoneRecord *decision)
{
        const IndexEntry *end = index->entries + index->n_entries;
        IndexEntry wanted;

        memcpy(wanted.digest, decision->subject, SUBJECT_DIGEST_LEN);
        for (IndexEntry *e = index_find(index, &wanted);
             e && e < end && compare_entries(e, &wanted) == 0; e++) {
                if (e->candidate->tombstone_id > 0)
                        continue;
                e->candidate->tombstone_id = id;
                e->candidate->tombstoned_at_ms = decision->tombstoned_at_ms;
        }
}

int tombstone_table_apply(Txn *txn, uint32_t tenancy, Recovery *recovery, bool *ret_complete)
{
        _cleanup_(mdb_cursor_closep) MDB_cursor *cursor = NULL;
        _cleanup_(index_clear) Index index = {};
        uint64_t earliest_ms = earliest_of_interest(recovery), dropped_ms, id;
        TombstoneRecord decision = {};
        int r;

        r = meta_table_get_time(txn, META_DECISIONS_DROPPED, &dropped_ms);
        if (r == 0)
                r = index_candidates(recovery, &index);
        txn_note_read(txn, DATABASE_TOMBSTONES, (MDB_val){});
        if (r == 0)
                r = txn_cursor(txn, DATABASE_TOMBSTONES, &cursor);
        if (r < 0)
                return r;
        for (r = get_tombstone(cursor, MDB_LAST, &id, &decision);
             r == 0 && decision.tombstoned_at_ms >= earliest_ms;
             r = get_tombstone(cursor, MDB_PREV, &id, &decision))
                if (decision.tenancy == tenancy)
                        note(&index, id, &decision);
        if (r < 0 && r != -ENOENT)
                return r;
        *ret_complete = dropped_ms == 0 || dropped_ms < earliest_ms;
        return 0;
}

int tombstone_table_latest(Txn *txn, uint64_t *ret_tombstoned_at_ms)
{
        TombstoneRecord decision = {};
        uint64_t id;
        int r;

        r = get_end(txn, MDB_LAST, &id, &decision);
        if (r < 0 && r != -ENOENT && r != -EBADMSG)
                return r;
        *ret_tombstoned_at_ms = r == 0 ? decision.tombstoned_at_ms : 0;
        return 0;
}

/* Sets of tombstones */

void tombstone_set_clear(TombstoneSet *set)
{
        free(set->digests);
        *set = (TombstoneSet){};
}

static int set_add(TombstoneSet *set, const uint8_t subject[static SUBJECT_DIGEST_LEN])
{
        size_t n = set->n_digests;

        if ((n & (n - 1)) == 0) {
                void *grown = reallocarray(set->digests, 2 * n + 1, SUBJECT_DIGEST_LEN);

                if (!grown)
                        return -ENOMEM;
                set->digests = grown;
        }
        memcpy(set->digests[set->n_digests++], subject, SUBJECT_DIGEST_LEN);
        return 0;
}

static int compare_digests(const void *a, const void *b)
{
        return memcmp(a, b, SUBJECT_DIGEST_LEN);
}

static int collect(Txn *txn, uint32_t tenancy, TombstoneSet *set)
{
        _cleanup_(mdb_cursor_closep) MDB_cursor *cursor = NULL;
        TombstoneRecord tombstone = {};
        uint64_t id;
        int r;

        r = txn_cursor(txn, DATABASE_TOMBSTONES, &cursor);
        if (r < 0)
                return r;
        for (r = get_tombstone(cursor, MDB_FIRST, &id, &tombstone); r == 0;
             r = get_tombstone(cursor, MDB_NEXT, &id, &tombstone))
                if (tombstone.tenancy == tenancy && set_add(set, tombstone.subject) < 0)
                        return -ENOMEM;
        return r == -ENOENT ? 0 : r;
}

int tombstone_table_collect(Txn *txn, const char *tenancy_id, TombstoneSet *ret)
{
        _cleanup_(tombstone_set_clear) TombstoneSet set = {};
        TenancyRecord tenancy;
        int r;

        r = tenancy_table_get(txn, tenancy_id, &tenancy);
        if (r == 0)
                r = collect(txn, tenancy.number, &set);
        if (r < 0 && r != -ENOENT)
                return r;
        if (set.n_digests > 0)
                qsort(set.digests, set.n_digests, SUBJECT_DIGEST_LEN, compare_digests);
        *ret = TAKE(set, (TombstoneSet){});
        return 0;
}

bool tombstone_set_has(const TombstoneSet *set, const char *authenticator_id)
{
        uint8_t wanted[SUBJECT_DIGEST_LEN];

        return set->n_digests > 0 &&
               digest(TOMBSTONE_AUTHENTICATOR, authenticator_id, wanted) == 0 &&
               bsearch(wanted, set->digests, set->n_digests, SUBJECT_DIGEST_LEN, compare_digests);
}
