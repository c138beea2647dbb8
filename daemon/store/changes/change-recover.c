/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Store change of crash recovery: resolves interrupted exchanges. */

#include <errno.h>

#include "daemon/store/changes/change.h"
#include "daemon/store/tables/idempotency-table.h"
#include "daemon/store/tables/intent-table.h"
#include "daemon/store/tables/link-table.h"
#include "daemon/store/tables/tenancy-table.h"
#include "daemon/store/tables/tombstone-table.h"
#include "dbus/error.h"

static bool is_claim(const Recovery *recovery, uint64_t intent_id)
{
        for (size_t i = 0; i < recovery->n_claims; i++)
                if (recovery->claims[i].intent_id == intent_id)
                        return true;
        return false;
}

/* Retries of a code may have left several intents, but a code is one claim: only the latest intent
 * counts. */
static void check_repeats(const Recovery *recovery, const ExchangeIntentList *open,
                          const ExchangeIntent *intent, RecoveryClaim *claim)
{
        for (size_t i = 0; i < open->n_intents; i++) {
                const ExchangeIntent *other = &open->intents[i];

                if (other->id == claim->intent_id || !other->has_key ||
                    memcmp(other->key, intent->key, IDEMPOTENCY_KEY_LEN) != 0)
                        continue;
                claim->held |= !is_claim(recovery, other->id);
                claim->resolved |= claim->held || other->id > claim->intent_id;
        }
}

/* The exchange was resolved before if there is an idempotency record, INTERRUPTED included. */
static int check_answer(Txn *txn, const ExchangeIntent *intent, RecoveryClaim *claim)
{
        _cleanup_(idempotency_record_clear) IdempotencyRecord answer = {};
        int r;

        r = idempotency_table_get(txn, intent->key, &answer);
        if (r == 0 || r == -EBADMSG)
                claim->resolved = true;
        return r < 0 && r != -EBADMSG ? r : 0;
}

/* Another call may have resolved the exchange since. */
static int check_claim(Txn *txn, const Recovery *recovery, const ExchangeIntentList *open,
                       RecoveryClaim *claim)
{
        _cleanup_(exchange_record_clear) ExchangeRecord record = {};
        int r;

        claim->resolved = true;
        claim->held = false;
        r = intent_table_get_exchange(txn, claim->intent_id, &record);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        claim->resolved = !record.intent.wants_link;
        claim->begun_at_ms = record.begun_at_ms;
        if (!record.intent.has_key)
                return 0;
        check_repeats(recovery, open, &record.intent, claim);
        return check_answer(txn, &record.intent, claim);
}

static int check_claims(StoreChange *change, Txn *txn)
{
        _cleanup_(exchange_intent_list_clear) ExchangeIntentList open = {};
        Recovery *recovery = change->recovery;
        int r;

        r = intent_table_list_exchanges(txn, change->tenancy_id, UINT64_MAX, &open);
        for (size_t i = 0; r == 0 && i < recovery->n_claims; i++)
                r = check_claim(txn, recovery, &open, &recovery->claims[i]);
        return r;
}

/* A damaged link record blocks only its own candidate. */
static int check_candidate(Txn *txn, const char *tenancy_id, RecoveryCandidate *candidate)
{
        _cleanup_(link_freep) Link *link = NULL;
        int r;

        r = link_table_get(txn, tenancy_id, candidate->link->authenticator_id, &link);
        if (r < 0 && r != -EBADMSG)
                return r;
        candidate->linked = r <= 0;
        return 0;
}

static int check_recovery(StoreChange *change, Txn *txn)
{
        Recovery *recovery = change->recovery;
        int r;

        r = check_claims(change, txn);
        for (size_t i = 0; r == 0 && i < recovery->n_candidates; i++)
                r = check_candidate(txn, change->tenancy_id, &recovery->candidates[i]);
        return r;
}

static int recover_link(StoreChange *change, Txn *txn, const Link *link)
{
        bool newly_linked;
        Link *copy;
        int r;

        r = link_table_add(txn, change->tenancy_id, link, false, &newly_linked);
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

                if (candidate != RECOVERY_NONE && !recovery->candidates[candidate].linked)
                        r = recover_link(change, txn, recovery->candidates[candidate].link);
        }
        return r;
}

static size_t count_taken(const Recovery *recovery)
{
        size_t n = 0;

        for (size_t i = 0; i < recovery->n_candidates; i++)
                n += recovery->candidates[i].taken && !recovery->candidates[i].linked;
        return n;
}

/* Removes the intent. Stores INTERRUPTED for a retry, unless there is an answer. */
static int end_claim(Txn *txn, uint64_t intent_id)
{
        const IdempotencyRecord interrupted = {.error = ERROR_INTERRUPTED};
        _cleanup_(idempotency_record_clear) IdempotencyRecord kept = {};
        _cleanup_(exchange_record_clear) ExchangeRecord record = {};
        int r;

        r = intent_table_get_exchange(txn, intent_id, &record);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        r = record.intent.has_key ? idempotency_table_get(txn, record.intent.key, &kept) : 0;
        if (r == -EBADMSG)
                r = 0;
        if (r == ERROR_NOT_FOUND)
                r = idempotency_table_put(txn, record.intent.key, &interrupted);
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
        change->n_left = recovery_assign(recovery);
        if (complete && !recovery->decisions_lost)
                r = make_links(change, txn);
        else
                change->n_left += count_taken(recovery);
        for (size_t i = 0; r == 0 && i < recovery->n_claims; i++)
                if (!recovery->claims[i].held)
                        r = end_claim(txn, recovery->claims[i].intent_id);
        return r;
}

static void report_recover(const StoreChange *change)
{
        change->func.recover(change->r, change->recovery, &change->changed, change->n_left,
                             change->userdata);
}

int store_recover(Store *store, const char *tenancy_id, Recovery *recovery, StoreRecoverFunc func,
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
        return store_queue(store, change, ret);
}
