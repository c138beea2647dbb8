/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/clock.h"
#include "daemon/core/recovery-candidates.h"
#include "daemon/store/store.h"
#include "dbus/error.h"

/* Maximum of candidates for claims to any user, which are ambiguous then anyway, and for claims to
 * an expected user. */
#define CANDIDATES_MAX          10000U
#define EXPECTED_CANDIDATES_MAX 100000U

int recovery_new(const ExchangeIntentList *interrupted, const char *endpoint, const Api *api,
                 Recovery **ret)
{
        _cleanup_(recovery_freep) Recovery *recovery = calloc(1, sizeof(Recovery));
        int r = 0;

        if (!recovery)
                return -ENOMEM;
        recovery->now.api_ms = api ? api_clock_ms(api) : 0;
        host_time_now(&recovery->now.host);
        for (size_t i = 0; r == 0 && i < interrupted->n_intents; i++)
                if (!interrupted_exchange_has_other_endpoint(&interrupted->intents[i], endpoint))
                        r = recovery_add_exchange(recovery, &interrupted->intents[i],
                                                  &recovery->now);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(recovery);
        return 0;
}

void recovery_drop_taken_over(Recovery *recovery, const ExchangeIntentList *interrupted)
{
        size_t n_kept = 0;

        for (size_t i = 0; i < recovery->n_claims; i++) {
                RecoveryClaim *claim = &recovery->claims[i];
                const ExchangeIntent *intent =
                        interrupted_exchanges_find(interrupted, claim->intent_id);

                if (!intent || intent->taken_over)
                        free(claim->user_id);
                else
                        recovery->claims[n_kept++] = *claim;
        }
        recovery->n_claims = n_kept;
}

static int add_candidate(Recovery *recovery, const Passkey *passkey, bool used_since)
{
        RecoveryCandidate candidate = {.created_at_ms = passkey->created_at_ms,
                                       .last_used_at_ms = passkey->last_used_at_ms,
                                       .used_since = used_since};
        int r;

        r = link_new(passkey->id, passkey->user_id, passkey->platform_name, realtime_ms(),
                     passkey->last_used_at_ms, &candidate.link);
        return r < 0 ? r : recovery_add_candidate(recovery, &candidate);
}

int recovery_check_passkey(Recovery *recovery, Tenancy *tenancy, const Passkey *passkey)
{
        _cleanup_(link_freep) Link *link = NULL;
        RecoveryMatch match;
        bool used_since;
        int r;

        if (!passkey->user_id)
                return 0;
        match = recovery_match_passkey(recovery, passkey->user_id, passkey->created_at_ms,
                                       passkey->last_used_at_ms);
        if (match == RECOVERY_NO_MATCH || recovery->n_candidates >= EXPECTED_CANDIDATES_MAX)
                return 0;
        if (match == RECOVERY_MATCH_ANY_USER && recovery->n_candidates >= CANDIDATES_MAX)
                return 0;
        r = store_get_link(tenancy->store, tenancy->id, passkey->id, &link);
        /* The link record may be damaged; the store checks it again before it adds links. */
        if (r == ERROR_NOT_FOUND || r == ERROR_STORE_FAILED)
                return add_candidate(recovery, passkey, false);
        if (r != 0)
                return r;
        used_since = recovery_is_used_since(&recovery->now, link, passkey->last_used_at_ms);
        if (match == RECOVERY_MATCH_ANY_USER && !used_since)
                return 0;
        return add_candidate(recovery, passkey, used_since);
}
