/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/model/intent.h"
#include "daemon/model/link.h"

/*
 * Which passkeys an interrupted exchange can have been about. A crash between the API's answer and
 * the commit loses the answer: the code is used up, and only the vault knows the passkey. So each
 * exchange that a crash cut off is a claim to one passkey, and the passkeys of the vault that are
 * not linked are candidates.
 *
 * Times come from two clocks that must not be compared: the API's, for passkeys, and the store's,
 * for intents and decisions.
 */
typedef struct RecoveryClaim {
        uint64_t intent_id;
        bool resolved; /* no passkey is needed: there is to be no link, or another call has made it
                        */
        char *user_id; /* the only user that may be linked; NULL: any */
        uint64_t since_ms;    /* API: no passkey is meant that was last used before */
        uint64_t until_ms;    /* API: nor one that was created after */
        uint64_t begun_at_ms; /* store: when the exchange began */
        uint64_t reach_ms;    /* a decision that is so much older than the exchange is outdated */
        size_t candidate;     /* the result: an index, or RECOVERY_NONE */
} RecoveryClaim;

#define RECOVERY_NONE SIZE_MAX

/* A passkey of the vault that is not linked. */
typedef struct RecoveryCandidate {
        Link *link;               /* the link to be made */
        uint64_t created_at_ms;   /* API */
        uint64_t last_used_at_ms; /* API; 0: never */
        /* The latest decision that the passkey is not linked: it was removed, or an exchange of it
         * ended without a link. */
        uint64_t tombstone_id;     /* in the order of intent ids; 0: there is none */
        uint64_t tombstoned_at_ms; /* store */
        bool linked;               /* in the meantime */
        bool taken;                /* the result: a claim has it */
} RecoveryCandidate;

typedef struct Recovery {
        RecoveryClaim *claims; /* in the order of their ids */
        size_t n_claims;
        RecoveryCandidate *candidates;
        size_t n_candidates;
} Recovery;

/* NULL is fine. Returns NULL. */
Recovery *recovery_free(Recovery *recovery);
DEFINE_CLEANUP(Recovery *, recovery_free);

/* A moment on both clocks. */
typedef struct RecoveryClock {
        HostTime host;
        uint64_t api_ms; /* 0: the API never said what time it is */
} RecoveryClock;

/*
 * Adds a claim: to a passkey that was created or used in the intent's window before the exchange
 * began. On the API's clock that was when its clock said so then, and when the time that has passed
 * on this host since tells: if the two differ, a clock has been set, and either may be right.
 * Returns 0 or -ENOMEM.
 */
int recovery_add_exchange(Recovery *recovery, const ExchangeIntent *intent,
                          const RecoveryClock *now);

/* Whether a claim may mean a passkey of that user with these times of the API, 0 for never: as far
 * as can be told without the store. */
bool recovery_claims(const Recovery *recovery, const char *user_id, uint64_t created_at_ms,
                     uint64_t last_used_at_ms);

/* Takes over what claim and candidate own, also when they fail. Return 0 or -ENOMEM. */
int recovery_add_claim(Recovery *recovery, RecoveryClaim *claim);
int recovery_add_candidate(Recovery *recovery, RecoveryCandidate *candidate);

/*
 * Gives each claim at most one candidate, and each candidate to at most one claim. A claim to a
 * known user gets that user's passkey that was used last. Claims to any user get theirs if there
 * are no more candidates than claims: otherwise it cannot be told which of them were meant, and
 * they get none. Returns how many candidates could have been meant and are left.
 */
size_t recovery_match(Recovery *recovery);
