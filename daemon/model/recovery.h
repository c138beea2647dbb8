/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/model/intent.h"
#include "daemon/model/link.h"

/*
 * Crash recovery of links. A crash between the API's answer and the commit loses the answer: the
 * code is used up, and only the vault knows the passkey. So each interrupted exchange is a claim to
 * one passkey, and unlinked passkeys of the vault are candidates. So are linked ones, for a sign-in
 * may have been cut off as well: then nothing is to be linked.
 *
 * Two clocks must not be compared: the API's for passkeys, the store's for intents and tombstones.
 */
typedef struct RecoveryClaim {
        uint64_t intent_id;
        bool resolved;        /* no passkey is needed: no link is wanted, or another call made it */
        bool held;            /* settled for now: a repeat of the exchange is under way */
        char *user_id;        /* the only allowed user; NULL: any */
        uint64_t since_ms;    /* API: a passkey last used earlier does not match */
        uint64_t until_ms;    /* API: nor one created later */
        uint64_t begun_at_ms; /* store: begin of the exchange */
        uint64_t reach_ms;    /* a tombstone older than the exchange by more is outdated */
        size_t candidate;     /* result: an index, or RECOVERY_NONE */
} RecoveryClaim;

#define RECOVERY_NONE SIZE_MAX

/* An unlinked passkey of the vault. */
typedef struct RecoveryCandidate {
        Link *link;               /* the link to add */
        uint64_t created_at_ms;   /* API */
        uint64_t last_used_at_ms; /* API; 0: never */
        /* The latest tombstone. */
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
        RecoveryClaim *claims; /* by ascending id */
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
 * Adds a claim to a passkey created or used within the intent's window before the exchange. The
 * time on the API's clock is estimated from its Date then, and from the time passed since; if they
 * differ, a clock was set, and both bounds are kept. Returns 0 or -ENOMEM.
 */
int recovery_add_exchange(Recovery *recovery, const ExchangeIntent *intent,
                          const RecoveryClock *now);

/* Whether a linked passkey was used after its last exchange, as far as both clocks can tell. */
bool recovery_is_used_since(const RecoveryClock *now, const Link *link, uint64_t used_at_ms);

/* Whether any claim matches a passkey of that user with these API times (0: never), as far as known
 * without the store. */
typedef enum RecoveryMeaning {
        RECOVERY_NOT_MEANT,
        RECOVERY_ANY_USER,      /* by claims to any user only */
        RECOVERY_EXPECTED_USER, /* by a claim to that user */
} RecoveryMeaning;

RecoveryMeaning recovery_meaning(const Recovery *recovery, const char *user_id,
                                 uint64_t created_at_ms, uint64_t last_used_at_ms);

/* Take ownership of the contents, also on failure. Return 0 or -ENOMEM. */
int recovery_add_claim(Recovery *recovery, RecoveryClaim *claim);
int recovery_add_candidate(Recovery *recovery, RecoveryCandidate *candidate);

/*
 * Assigns at most one candidate to each claim, and each candidate at most once. A claim with a user
 * known user gets that user's passkey that was used last. Claims to any user get theirs if there
 * are no more candidates than claims: otherwise it cannot be told which of them were meant, and
 * they get none; linked ones count if they were used since. Returns how many candidates could have
 * been meant, and are neither linked nor taken.
 */
size_t recovery_match(Recovery *recovery);
