/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/model/intent.h"
#include "daemon/model/link.h"

/*
 * Crash recovery of links. A crash between the API's reply and the commit loses the answer: the
 * code is used up, and only the vault has the passkey. Each interrupted exchange is a claim to one
 * passkey, and unlinked passkeys of the vault are candidates. Linked passkeys are candidates too:
 * the interrupted exchange may have been a sign-in, which needs no new link.
 *
 * The API's clock (passkeys) and the store's clock (intents, tombstones) must not be compared.
 */
typedef struct RecoveryClaim {
        uint64_t intent_id;
        bool resolved;        /* no link is wanted, or another call has added it */
        bool held;            /* not resolvable yet: a retry of the exchange is in flight */
        char *user_id;        /* the expected user, or NULL for any */
        uint64_t since_ms;    /* API: a passkey last used earlier does not match */
        uint64_t until_ms;    /* API: a passkey created later does not match */
        uint64_t begun_at_ms; /* store: begin of the exchange */
        uint64_t reach_ms; /* a tombstone is outdated if it is older than the exchange by more than
                              this */
        size_t candidate;  /* result: an index, or RECOVERY_NONE */
} RecoveryClaim;

#define RECOVERY_NONE SIZE_MAX

/* A passkey of the vault that may match a claim. */
typedef struct RecoveryCandidate {
        Link *link;               /* the link to add */
        uint64_t created_at_ms;   /* API */
        uint64_t last_used_at_ms; /* API; 0: never */
        /* The latest tombstone. */
        uint64_t tombstone_id;     /* ordered like intent ids; 0: none */
        uint64_t tombstoned_at_ms; /* store */
        bool linked;               /* already linked: its claim needs no link */
        bool used_since;           /* linked, and used after its last exchange */
        bool duplicate;            /* listed twice */
        bool taken;                /* result: assigned to a claim */
} RecoveryCandidate;

/* A moment on both clocks. */
typedef struct RecoveryClock {
        HostTime host;
        uint64_t api_ms; /* 0: no Date header received yet */
} RecoveryClock;

typedef struct Recovery {
        RecoveryClaim *claims; /* by ascending id */
        size_t n_claims;
        RecoveryCandidate *candidates;
        size_t n_candidates;
        bool decisions_lost; /* some decisions could not be stored */
        RecoveryClock now;
} Recovery;

/* NULL is fine. Returns NULL. */
Recovery *recovery_free(Recovery *recovery);
DEFINE_CLEANUP(Recovery *, recovery_free);

/*
 * Adds a claim to a passkey created or used within the intent's window before the exchange. Its
 * begin on the API's clock is estimated from the last Date header before it, and from the elapsed
 * time; if the two differ, a clock was set, and both are bounds. Returns 0 or -ENOMEM.
 */
int recovery_add_exchange(Recovery *recovery, const ExchangeIntent *intent,
                          const RecoveryClock *now);

/* Whether a linked passkey was used after its last exchange, as far as both clocks tell. */
bool recovery_is_used_since(const RecoveryClock *now, const Link *link, uint64_t used_at_ms);

/* Whether a claim matches a passkey with this user and these API times (0: never), regardless of
 * the store. */
typedef enum RecoveryMatch {
        RECOVERY_NO_MATCH,
        RECOVERY_MATCH_ANY_USER,      /* a claim to any user matches */
        RECOVERY_MATCH_EXPECTED_USER, /* a claim to this user matches */
} RecoveryMatch;

RecoveryMatch recovery_match_passkey(const Recovery *recovery, const char *user_id,
                                     uint64_t created_at_ms, uint64_t last_used_at_ms);

/* Take ownership of the contents, also on failure. Return 0 or -ENOMEM. */
int recovery_add_claim(Recovery *recovery, RecoveryClaim *claim);
int recovery_add_candidate(Recovery *recovery, RecoveryCandidate *candidate);

/*
 * Assigns at most one candidate to each claim, and each candidate at most once. A claim with an
 * expected user gets the passkey of that user that was used last. Claims to any user are assigned
 * only if there are not more candidates than claims, because otherwise the match is ambiguous;
 * linked passkeys count if used since. Returns the number of unlinked candidates that match a claim
 * and are not assigned.
 */
size_t recovery_assign(Recovery *recovery);
