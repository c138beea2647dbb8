/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/model/intent.h"
#include "daemon/model/link.h"

/*
 * Crash recovery of links. A crash between the API's answer and the commit loses the answer: the
 * code is used up, and only the vault knows the passkey. So each interrupted exchange is a claim to
 * one passkey, and unlinked passkeys of the vault are candidates.
 *
 * Two clocks must not be compared: the API's for passkeys, the store's for intents and tombstones.
 */
typedef struct RecoveryClaim {
        uint64_t intent_id;
        bool resolved;        /* no passkey is needed: no link is wanted, or another call made it */
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
        uint64_t tombstone_id;     /* in intent id order; 0: none */
        uint64_t tombstoned_at_ms; /* store */
        bool linked;               /* meanwhile */
        bool taken;                /* result: assigned to a claim */
} RecoveryCandidate;

typedef struct Recovery {
        RecoveryClaim *claims; /* by ascending id */
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
        uint64_t api_ms; /* 0: unknown */
} RecoveryClock;

/*
 * Adds a claim to a passkey created or used within the intent's window before the exchange. The
 * time on the API's clock is estimated from its Date then, and from the time passed since; if they
 * differ, a clock was set, and both bounds are kept. Returns 0 or -ENOMEM.
 */
int recovery_add_exchange(Recovery *recovery, const ExchangeIntent *intent,
                          const RecoveryClock *now);

/* Whether any claim matches a passkey of that user with these API times (0: never), as far as known
 * without the store. */
bool recovery_claims(const Recovery *recovery, const char *user_id, uint64_t created_at_ms,
                     uint64_t last_used_at_ms);

/* Take ownership of the contents, also on failure. Return 0 or -ENOMEM. */
int recovery_add_claim(Recovery *recovery, RecoveryClaim *claim);
int recovery_add_candidate(Recovery *recovery, RecoveryCandidate *candidate);

/*
 * Assigns at most one candidate to each claim, and each candidate at most once. A claim with a user
 * gets that user's last used passkey. Claims for any user get theirs only if there are no more
 * candidates than claims; otherwise the match is ambiguous and they get none. Returns the number of
 * unassigned matching candidates.
 */
size_t recovery_match(Recovery *recovery);
