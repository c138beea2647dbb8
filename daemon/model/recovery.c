/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "daemon/model/recovery.h"

/* For slow calls, and the second resolution of Date headers. */
#define MARGIN_MS (2U * 60U * 1000U)
/* Only for the second resolution of Date headers. */
#define DATE_MARGIN_MS 2000U
/* Assumed maximum clock difference if the API never sent a Date. */
#define UNKNOWN_CLOCK_MS (24U * 60U * 60U * 1000U)

Recovery *recovery_free(Recovery *recovery)
{
        if (!recovery)
                return NULL;
        for (size_t i = 0; i < recovery->n_claims; i++)
                free(recovery->claims[i].user_id);
        for (size_t i = 0; i < recovery->n_candidates; i++)
                link_free(recovery->candidates[i].link);
        free(recovery->claims);
        free(recovery->candidates);
        free(recovery);
        return NULL;
}

int recovery_add_claim(Recovery *recovery, RecoveryClaim *claim)
{
        RecoveryClaim *grown =
                reallocarray(recovery->claims, recovery->n_claims + 1, sizeof(RecoveryClaim));

        if (!grown) {
                free(TAKE_PTR(claim->user_id));
                return -ENOMEM;
        }
        recovery->claims = grown;
        recovery->claims[recovery->n_claims++] = *claim;
        return 0;
}

int recovery_add_candidate(Recovery *recovery, RecoveryCandidate *candidate)
{
        RecoveryCandidate *grown = reallocarray(recovery->candidates, recovery->n_candidates + 1,
                                                sizeof(RecoveryCandidate));

        if (!grown) {
                link_free(TAKE_PTR(candidate->link));
                return -ENOMEM;
        }
        recovery->candidates = grown;
        recovery->candidates[recovery->n_candidates++] = *candidate;
        return 0;
}

/* A period on the API's clock. */
typedef struct Period {
        uint64_t min_ms;
        uint64_t max_ms;
} Period;

static uint64_t saturating_sub(uint64_t a, uint64_t b)
{
        return a > b ? a - b : 0;
}

static uint64_t latest(uint64_t created_at_ms, uint64_t last_used_at_ms)
{
        return last_used_at_ms > created_at_ms ? last_used_at_ms : created_at_ms;
}

static void period_add(Period *period, uint64_t min_ms, uint64_t max_ms)
{
        if (min_ms < period->min_ms)
                period->min_ms = min_ms;
        if (max_ms > period->max_ms)
                period->max_ms = max_ms;
}

/* Estimates the begin of the exchange on the API's clock. */
static Period begun_at_api(const ExchangeIntent *intent, const RecoveryClock *now)
{
        uint64_t realtime_ms = intent->begun_at.realtime_ms, ago_min_ms, ago_max_ms;
        Period period = {.min_ms = UINT64_MAX};

        if (intent->begun_at_api_ms > 0)
                period_add(&period, intent->begun_at_api_ms, intent->begun_at_api_ms);
        host_time_since(&intent->begun_at, &now->host, &ago_min_ms, &ago_max_ms);
        /* With an unbounded age, the API's own time is the better lower bound. */
        if (now->api_ms > 0 && (ago_max_ms < now->api_ms || intent->begun_at_api_ms == 0))
                period_add(&period, saturating_sub(now->api_ms, ago_max_ms),
                           saturating_sub(now->api_ms, ago_min_ms));
        else if (now->api_ms > 0)
                period_add(&period, period.min_ms, saturating_sub(now->api_ms, ago_min_ms));
        if (period.min_ms == UINT64_MAX)
                period_add(&period, saturating_sub(realtime_ms, UNKNOWN_CLOCK_MS),
                           realtime_ms + UNKNOWN_CLOCK_MS);
        return period;
}

int recovery_add_exchange(Recovery *recovery, const ExchangeIntent *intent,
                          const RecoveryClock *now)
{
        Period begun = begun_at_api(intent, now);
        RecoveryClaim claim = {
                .intent_id = intent->id,
                .since_ms = saturating_sub(begun.min_ms, intent->window_ms),
                .until_ms = begun.max_ms + MARGIN_MS,
                .reach_ms = begun.max_ms - begun.min_ms + intent->window_ms,
        };

        if (intent->user_id) {
                claim.user_id = strdup(intent->user_id);
                if (!claim.user_id)
                        return -ENOMEM;
        }
        return recovery_add_claim(recovery, &claim);
}

bool recovery_is_used_since(const RecoveryClock *now, const Link *link, uint64_t used_at_ms)
{
        uint64_t exchanged_at_ms = latest(link->created_at_ms, link->last_used_at_ms);

        /* The earliest possible use on the API's clock. */
        return now->api_ms > 0 &&
               used_at_ms + now->host.realtime_ms > exchanged_at_ms + now->api_ms + DATE_MARGIN_MS;
}

static bool is_in_time(const RecoveryClaim *claim, uint64_t created_at_ms, uint64_t last_used_at_ms)
{
        return created_at_ms <= claim->until_ms &&
               latest(created_at_ms, last_used_at_ms) >= claim->since_ms;
}

RecoveryMatch recovery_match_passkey(const Recovery *recovery, const char *user_id,
                                     uint64_t created_at_ms, uint64_t last_used_at_ms)
{
        RecoveryMatch match = RECOVERY_NO_MATCH;

        for (size_t i = 0; i < recovery->n_claims; i++) {
                const RecoveryClaim *claim = &recovery->claims[i];

                if (!is_in_time(claim, created_at_ms, last_used_at_ms))
                        continue;
                if (claim->user_id && streq(claim->user_id, user_id))
                        return RECOVERY_MATCH_EXPECTED_USER;
                if (!claim->user_id)
                        match = RECOVERY_MATCH_ANY_USER;
        }
        return match;
}

static uint64_t used_at_ms(const RecoveryCandidate *candidate)
{
        return latest(candidate->created_at_ms, candidate->last_used_at_ms);
}

/* Ignores an outdated tombstone: the passkey must have been used since. */
static bool has_tombstone(const RecoveryClaim *claim, const RecoveryCandidate *candidate)
{
        if (candidate->tombstone_id == 0)
                return false;
        return candidate->tombstone_id > claim->intent_id ||
               candidate->tombstoned_at_ms + claim->reach_ms >= claim->begun_at_ms;
}

/* Whether a linked passkey may resolve the claim. A use after the exchange began is of another
 * exchange. */
static bool needs_no_link(const RecoveryClaim *claim, const RecoveryCandidate *candidate)
{
        return (claim->user_id || candidate->used_since) &&
               used_at_ms(candidate) <= claim->until_ms;
}

static bool matches(const RecoveryClaim *claim, const RecoveryCandidate *candidate)
{
        if (claim->resolved || candidate->duplicate)
                return false;
        if (candidate->linked && !needs_no_link(claim, candidate))
                return false;
        if (claim->user_id && !streq(claim->user_id, candidate->link->user_id))
                return false;
        return is_in_time(claim, candidate->created_at_ms, candidate->last_used_at_ms) &&
               !has_tombstone(claim, candidate);
}

/* Assigns the candidate with the latest (`last`) or the earliest use. */
static void assign_candidate(const Recovery *recovery, RecoveryClaim *claim, bool last)
{
        size_t found = RECOVERY_NONE;

        for (size_t i = 0; i < recovery->n_candidates; i++) {
                const RecoveryCandidate *c = &recovery->candidates[i];

                if (c->taken || !matches(claim, c))
                        continue;
                if (found == RECOVERY_NONE ||
                    (used_at_ms(c) > used_at_ms(&recovery->candidates[found])) == last)
                        found = i;
        }
        assert(claim->candidate == RECOVERY_NONE);
        claim->candidate = found;
        if (found != RECOVERY_NONE)
                recovery->candidates[found].taken = true;
}

/* Counts unassigned candidates that match a claim, or only a claim for any user. */
static size_t count_unassigned(const Recovery *recovery, bool any_user_only)
{
        size_t n = 0;

        for (size_t i = 0; i < recovery->n_candidates; i++) {
                bool matched = false;

                if (!any_user_only && recovery->candidates[i].linked)
                        continue;
                for (size_t j = 0;
                     j < recovery->n_claims && !recovery->candidates[i].taken && !matched; j++)
                        matched = (!any_user_only || !recovery->claims[j].user_id) &&
                                  matches(&recovery->claims[j], &recovery->candidates[i]);
                n += matched;
        }
        return n;
}

static void assign_expected_users(Recovery *recovery)
{
        for (size_t i = recovery->n_claims; i > 0; i--)
                if (recovery->claims[i - 1].user_id)
                        assign_candidate(recovery, &recovery->claims[i - 1], true);
}

/* Assigns the earliest candidate to the oldest claim first: later claims have later periods, so
 * each claim can get a candidate of its period. */
static void assign_any_users(Recovery *recovery)
{
        size_t n_claims = 0;

        for (size_t i = 0; i < recovery->n_claims; i++)
                n_claims += !recovery->claims[i].resolved && !recovery->claims[i].user_id;
        if (count_unassigned(recovery, true) > n_claims)
                return;
        for (size_t i = 0; i < recovery->n_claims; i++)
                if (!recovery->claims[i].user_id)
                        assign_candidate(recovery, &recovery->claims[i], false);
}

size_t recovery_assign(Recovery *recovery)
{
        for (size_t i = 0; i < recovery->n_claims; i++)
                recovery->claims[i].candidate = RECOVERY_NONE;
        for (size_t i = 0; i < recovery->n_candidates; i++)
                recovery->candidates[i].taken = false;
        assign_expected_users(recovery);
        assign_any_users(recovery);
        return count_unassigned(recovery, false);
}
