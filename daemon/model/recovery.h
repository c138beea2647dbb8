/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/model/intent.h"
#include "daemon/model/link.h"

/*
 * Which passkeys an interrupted exchange can have been about. A crash between the API's answer and
 * the commit loses the answer: the code is used up, and only the vault knows the passkey. So each
 * exchange that a crash cut off is a claim to one passkey, and the passkeys of the vault that are
 * not linked are candidates. So are linked ones, for a sign-in may have been cut off as well: then
 * nothing is to be linked.
 *
 * Times come from two clocks that must not be compared: the API's, for passkeys, and the store's,
 * for intents and decisions.
 */
typedef struct RecoveryClaim {
        uint64_t intent_id;
        bool settled;  /* no passkey is needed: there is to be no link, or another call has made it
                        */
        bool held;     /* settled for now: a repeat of the exchange is under way */
        char *user_id; /* the only user that may be linked; NULL: any */
        uint64_t since_ms;    /* API: no passkey is meant that was last used before */
        uint64_t until_ms;    /* API: nor one that was created after */
        uint64_t begun_at_ms; /* store: when the exchange began */
        uint64_t reach_ms;    /* a decision that is so much older than the exchange is outdated */
        size_t candidate;     /* the result: an index, or RECOVERY_NONE */
} RecoveryClaim;

#define RECOVERY_NONE SIZE_MAX

/* A passkey of the vault. */
typedef struct RecoveryCandidate {
        Link *link;               /* the link to be made */
        uint64_t created_at_ms;   /* API */
        uint64_t last_used_at_ms; /* API; 0: never */
        /* The latest decision that the passkey is not linked: it was removed, or an exchange of it
         * ended without a link. */
        uint64_t tombstone_id;     /* in the order of intent ids; 0: there is none */
        uint64_t tombstoned_at_ms; /* store */
        bool linked;               /* a claim that means it needs no link */
        bool used_since;           /* it is linked, and was used after its last exchange */
        bool duplicate;            /* listed twice */
        bool taken;                /* the result: a claim has it */
} RecoveryCandidate;

/* A moment on both clocks. */
typedef struct RecoveryClock {
        HostTime host;
        uint64_t api_ms; /* 0: the API never said what time it is */
} RecoveryClock;

typedef struct Recovery {
        RecoveryClaim *claims; /* in the order of their ids */
        size_t n_claims;
        RecoveryCandidate *candidates;
        size_t n_candidates;
        bool decisions_lost; /* some could not be stored */
        RecoveryClock now;
} Recovery;

/* NULL is fine. Returns NULL. */
Recovery *recovery_free(Recovery *recovery);
DEFINE_CLEANUP(Recovery *, recovery_free);

/*
 * Adds a claim: to a passkey that was created or used in the intent's window before the exchange
 * began. On the API's clock that was when its clock said so then, and when the time that has passed
 * on this host since tells: if the two differ, a clock has been set, and either may be right.
 * Returns 0 or -ENOMEM.
 */
int recovery_add_exchange(Recovery *recovery, const ExchangeIntent *intent,
                          const RecoveryClock *now);

/* Whether a linked passkey was used after its last exchange, as far as both clocks can tell. */
bool recovery_is_used_since(const RecoveryClock *now, const Link *link, uint64_t used_at_ms);

/* Whether a claim may mean a passkey of that user with these times of the API, 0 for never: as far
 * as can be told without the store. */
typedef enum RecoveryMeaning {
        RECOVERY_NOT_MEANT,
        RECOVERY_ANY_USER,      /* by claims to any user only */
        RECOVERY_EXPECTED_USER, /* by a claim to that user */
} RecoveryMeaning;

RecoveryMeaning recovery_meaning(const Recovery *recovery, const char *user_id,
                                 uint64_t created_at_ms, uint64_t last_used_at_ms);

/* Takes over what claim and candidate own, also when they fail. Return 0 or -ENOMEM. */
int recovery_add_claim(Recovery *recovery, RecoveryClaim *claim);
int recovery_add_candidate(Recovery *recovery, RecoveryCandidate *candidate);

/*
 * Gives each claim at most one candidate, and each candidate to at most one claim. A claim to a
 * known user gets that user's passkey that was used last. Claims to any user get theirs if there
 * are no more candidates than claims: otherwise it cannot be told which of them were meant, and
 * they get none; linked ones count if they were used since. Returns how many candidates could have
 * been meant, and are neither linked nor taken.
 */
size_t recovery_match(Recovery *recovery);
