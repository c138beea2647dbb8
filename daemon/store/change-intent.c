/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Changes of exchanges and deletes: intent, result, crash recovery. */

#include <errno.h>

#include "base/strv.h"
#include "daemon/model/valid.h"
#include "daemon/store/change-internal.h"
#include "daemon/store/idempotency-table.h"
#include "daemon/store/intent-table.h"
#include "daemon/store/link-table.h"
#include "daemon/store/tenancy-table.h"
#include "daemon/store/tombstone-table.h"
#include "dbus/error.h"

static int apply_begin_exchange(StoreChange *change, Txn *txn)
{
        return intent_table_add_exchange(txn, change->tenancy_id, &change->intent,
                                         &change->made_id);
}

static int apply_begin_delete(StoreChange *change, Txn *txn)
{
        return intent_table_add_delete(txn, change->tenancy_id, change->ids, &change->made_id);
}

static void report_begin(const StoreChange *change)
{
        change->func.begin(change->r, change->made_id, change->userdata);
}

int change_new_begin_exchange(const char *tenancy_id, const ExchangeIntent *intent,
                              StoreBeginFunc func, void *userdata, StoreChange **ret)
{
        static const ChangeKind kind = {.apply = apply_begin_exchange, .report = report_begin};
        _cleanup_(change_freep) StoreChange *change = NULL;
        int r;

        if (intent->user_id && !user_id_is_valid(intent->user_id))
                return -EINVAL;
        r = change_new(tenancy_id, &kind, userdata, &change);
        if (r < 0)
                return r;
        change->func.begin = func;
        r = exchange_intent_copy(intent, &change->intent);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(change);
        return 0;
}

/* A delete revokes access: it must not fail with ENOSPC. */
int change_new_begin_delete(const char *tenancy_id, char *const *authenticator_ids,
                            StoreBeginFunc func, void *userdata, StoreChange **ret)
{
        static const ChangeKind kind = {
                .apply = apply_begin_delete, .report = report_begin, .uses_reserve = true};
        _cleanup_(change_freep) StoreChange *change = NULL;
        int r;

        for (char *const *id = authenticator_ids; id && *id; id++)
                if (!id_is_valid(*id))
                        return -EINVAL;
        r = change_new(tenancy_id, &kind, userdata, &change);
        if (r < 0)
                return r;
        change->func.begin = func;
        r = strv_copy(authenticator_ids, &change->ids);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(change);
        return 0;
}

/* Adds the link, or updates its last use. */
static int add_or_touch_link(StoreChange *change, Txn *txn)
{
        int r;

        r = link_table_add(txn, change->tenancy_id, change->link, &change->newly_linked);
        if (r == 0 && !change->newly_linked)
                r = link_table_touch(txn, change->tenancy_id, change->link->authenticator_id,
                                     change->link->created_at_ms);
        return r;
}

/* Adds a tombstone against crash recovery. */
static int add_tombstone(StoreChange *change, Txn *txn, const char *authenticator_id)
{
        TenancyRecord tenancy;
        int r;

        r = tenancy_table_get(txn, change->tenancy_id, &tenancy);
        if (r == -ENOENT) /* an unknown tenancy has no intents */
                return 0;
        return r < 0 ? r : tombstone_table_add(txn, tenancy.number, authenticator_id);
}

static int commit_link(StoreChange *change, Txn *txn)
{
        int outcome = 0, r;

        if (change->link) {
                outcome = add_or_touch_link(change, txn);
                if (outcome <= 0)
                        return outcome;
        }
        r = 0;
        if (change->link)
                r = add_tombstone(change, txn, change->link->authenticator_id);
        else if (change->id)
                r = add_tombstone(change, txn, change->id);
        return r < 0 ? r : outcome;
}

static int put_idempotency_record(StoreChange *change, Txn *txn, int outcome)
{
        IdempotencyRecord kept = change->answer; /* lent */

        if (!change->has_key)
                return 0;
        kept.linked = change->link;
        kept.newly_linked = change->newly_linked;
        if (outcome > 0)
                kept = (IdempotencyRecord){.error = outcome};
        return idempotency_table_put(txn, change->key, &kept);
}

static int apply_exchange(StoreChange *change, Txn *txn)
{
        int outcome, r;

        r = idempotency_table_prune(txn);
        if (r < 0)
                return r;
        outcome = commit_link(change, txn);
        if (outcome < 0)
                return outcome;
        r = put_idempotency_record(change, txn, outcome);
        if (r == 0 && change->intent_id > 0)
                r = intent_table_remove(txn, DATABASE_INTENTS, change->intent_id);
        return r < 0 ? r : outcome;
}

static void report_exchange(const StoreChange *change)
{
        change->func.add(change->r, change->newly_linked, change->userdata);
}

static int copy_idempotency_record(const IdempotencyRecord *answer, IdempotencyRecord *ret)
{
        _cleanup_(record_clear) Record record = {};
        int r;

        r = record_from_idempotency(answer, &record);
        if (r < 0)
                return r;
        return record_to_idempotency(record.bytes, record.len, ret);
}

static int copy_outcome(StoreChange *change, const ExchangeOutcome *outcome)
{
        int r = 0;

        change->intent_id = outcome->intent_id;
        if (outcome->link)
                r = change_copy_link(outcome->link, &change->link);
        if (r == 0 && outcome->declined_id) {
                change->id = strdup(outcome->declined_id);
                r = change->id ? 0 : -ENOMEM;
        }
        if (r == 0 && outcome->key) {
                change->has_key = true;
                memcpy(change->key, outcome->key, IDEMPOTENCY_KEY_LEN);
                r = copy_idempotency_record(outcome->answer, &change->answer);
        }
        return r;
}

int change_new_exchange(const char *tenancy_id, const ExchangeOutcome *outcome, StoreAddFunc func,
                        void *userdata, StoreChange **ret)
{
        /* The code is used up: the result must be stored even on a full disk. */
        static const ChangeKind begun = {
                .apply = apply_exchange, .report = report_exchange, .uses_reserve = true};
        static const ChangeKind other = {.apply = apply_exchange, .report = report_exchange};
        _cleanup_(change_freep) StoreChange *change = NULL;
        int r;

        if ((outcome->key && !outcome->answer) ||
            (outcome->declined_id && !id_is_valid(outcome->declined_id)))
                return -EINVAL;
        r = change_new(tenancy_id, outcome->intent_id > 0 ? &begun : &other, userdata, &change);
        if (r < 0)
                return r;
        change->func.add = func;
        r = copy_outcome(change, outcome);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(change);
        return 0;
}

/* Recovery */

/* Another call may have resolved the exchange meanwhile. */
static int check_claim(Txn *txn, RecoveryClaim *claim)
{
        ExchangeRecord record;
        int r;

        claim->resolved = true;
        r = intent_table_get_exchange(txn, claim->intent_id, &record);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        claim->resolved = !record.intent.wants_link;
        claim->begun_at_ms = record.begun_at_ms;
        exchange_intent_clear(&record.intent);
        return 0;
}

static int check_candidate(Txn *txn, const char *tenancy_id, RecoveryCandidate *candidate)
{
        _cleanup_(link_freep) Link *link = NULL;
        int r;

        r = link_table_get(txn, tenancy_id, candidate->link->authenticator_id, &link);
        if (r < 0)
                return r;
        candidate->linked = r == 0;
        return 0;
}

static int check_recovery(StoreChange *change, Txn *txn)
{
        Recovery *recovery = change->recovery;
        int r = 0;

        assert(recovery);
        for (size_t i = 0; r == 0 && i < recovery->n_claims; i++)
                r = check_claim(txn, &recovery->claims[i]);
        for (size_t i = 0; r == 0 && i < recovery->n_candidates; i++)
                r = check_candidate(txn, change->tenancy_id, &recovery->candidates[i]);
        return r;
}

static int recover_link(StoreChange *change, Txn *txn, const Link *link)
{
        bool newly_linked;
        Link *copy;
        int r;

        r = link_table_add(txn, change->tenancy_id, link, &newly_linked);
        if (r != 0 || !newly_linked)
                return r < 0 ? r : 0;
        r = change_copy_link(link, &copy);
        return r < 0 ? r : link_list_push(&change->changed, copy);
}

static int make_links(StoreChange *change, Txn *txn)
{
        const Recovery *recovery = change->recovery;
        int r = 0;

        for (size_t i = 0; r == 0 && i < recovery->n_claims; i++) {
                size_t candidate = recovery->claims[i].candidate;

                assert(candidate == RECOVERY_NONE || candidate < recovery->n_candidates);
                if (candidate != RECOVERY_NONE)
                        r = recover_link(change, txn, recovery->candidates[candidate].link);
        }
        return r;
}

static size_t count_taken(const Recovery *recovery)
{
        size_t n = 0;

        for (size_t i = 0; i < recovery->n_candidates; i++)
                n += recovery->candidates[i].taken;
        return n;
}

/* Repeats get INTERRUPTED, unless a record exists already. */
static int end_claim(Txn *txn, uint64_t intent_id)
{
        const IdempotencyRecord interrupted = {.error = ERROR_INTERRUPTED};
        _cleanup_(idempotency_record_clear) IdempotencyRecord kept = {};
        ExchangeRecord record;
        int r;

        r = intent_table_get_exchange(txn, intent_id, &record);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        r = record.intent.has_key ? idempotency_table_get(txn, record.intent.key, &kept) : 0;
        if (r == ERROR_NOT_FOUND)
                r = idempotency_table_put(txn, record.intent.key, &interrupted);
        exchange_intent_clear(&record.intent);
        return r < 0 ? r : intent_table_remove(txn, DATABASE_INTENTS, intent_id);
}

static int apply_recover(StoreChange *change, Txn *txn)
{
        Recovery *recovery = change->recovery;
        bool complete;
        TenancyRecord tenancy;
        int r;

        r = tenancy_table_get(txn, change->tenancy_id, &tenancy);
        if (r == 0)
                r = check_recovery(change, txn);
        if (r == 0)
                r = tombstone_table_apply(txn, tenancy.number, recovery, &complete);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        change->n_left = recovery_match(recovery);
        if (complete)
                r = make_links(change, txn);
        else
                change->n_left += count_taken(recovery);
        for (size_t i = 0; r == 0 && i < recovery->n_claims; i++)
                r = end_claim(txn, recovery->claims[i].intent_id);
        return r;
}

static void report_recover(const StoreChange *change)
{
        change->func.recover(change->r, change->recovery, &change->changed, change->n_left,
                             change->userdata);
}

int change_new_recover(const char *tenancy_id, Recovery *recovery, StoreRecoverFunc func,
                       void *userdata, StoreChange **ret)
{
        static const ChangeKind kind = {.apply = apply_recover, .report = report_recover};
        _cleanup_(recovery_freep) Recovery *owned = recovery;
        StoreChange *change;
        int r;

        r = change_new(tenancy_id, &kind, userdata, &change);
        if (r < 0)
                return r;
        change->func.recover = func;
        change->recovery = TAKE_PTR(owned);
        *ret = change;
        return 0;
}
