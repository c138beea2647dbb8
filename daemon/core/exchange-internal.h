/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* An exchange, for the two halves of its life: exchange.c begins it and asks the API,
 * exchange-end.c saves what comes of it and answers its callers; and for crash recovery, which
 * waits for it. */

#include <sys/queue.h>

#include "daemon/backoff/backoff.h"
#include "daemon/core/exchange.h"
#include "daemon/core/tenancy-internal.h"

typedef struct ExchangeCaller {
        SLIST_ENTRY(ExchangeCaller) entry;
        char *user_id; /* the only acceptable one, or NULL */
        ResultFunc func;
        void *userdata;
} ExchangeCaller;

ExchangeCaller *exchange_caller_free(ExchangeCaller *caller);
DEFINE_CLEANUP(ExchangeCaller *, exchange_caller_free);

typedef enum ExchangeStage {
        EXCHANGE_BEGINNING,         /* the intent is on its way to the disk */
        EXCHANGE_ASKING,            /* the API has been asked */
        EXCHANGE_SAVING,            /* the outcome is on its way to the disk */
        EXCHANGE_AWAITING_RECOVERY, /* crash recovery may be about to make the link */
        EXCHANGE_UNSAVED,           /* the store failed; a repeat saves the outcome */
        EXCHANGE_ENDED,             /* the store failed; only the intent is left to be removed */
} ExchangeStage;

typedef struct Exchange {
        LIST_ENTRY(Exchange) entry;
        Exchanges *exchanges;
        ExchangeStage stage;
        Tenancy *tenancy; /* held while under way; otherwise the tenancy holds the exchange */
        Api *api;         /* NULL once it has been asked */
        char *code;       /* wiped once it has been sent */
        char *user_id;
        bool wants_link;
        AuditOrigin origin;
        bool has_key; /* there is a request id, and `key` is what a repeat is found by */
        uint8_t key[IDEMPOTENCY_KEY_LEN];
        uint64_t intent_id; /* 0: none on disk */
        bool interrupted;   /* an earlier process began this very exchange */
        bool taken_over;    /* and the intent is that one's: crash recovery is to hear of it */
        bool awaited;       /* by crash recovery */
        bool prior_unknown; /* nobody knows whether an earlier process began it */
        ApiCall *call;
        int result; /* what callers are told; the answer says more if it is 0 */
        uint32_t retry_after_s;
        IdempotencyRecord answer;
        Link *link;                                          /* to be made */
        char *declined_id;                                   /* not to be linked */
        uint64_t unsaved_at_ms;                              /* monotonic */
        SLIST_HEAD(ExchangeCallers, ExchangeCaller) callers; /* that wait for the answer */
} Exchange;

/* Those of a tenancy. */
struct Exchanges {
        Tenancy *tenancy;
        LIST_HEAD(, Exchange) exchanges; /* newest first */
        Backoff *retry;
        uint64_t decision_lost_at_ms; /* boottime: crash recovery may not know why a passkey used
                                         before is not linked; 0: never */
};

Exchange *exchange_free(Exchange *exchange);
DEFINE_CLEANUP(Exchange *, exchange_free);

/* Wipes the code, once it is not needed any more. */
void exchange_forget_code(Exchange *exchange);

/* 0, or why somebody who names a user, or NULL, must not be told of an answer. */
int exchange_check_user(const char *user_id, const IdempotencyRecord *answer);

/* Puts the outcome on disk, and then answers everybody who waits. Returns 0 or a negative errno. */
int exchange_save(Exchange *exchange);
/* It cannot be put on disk, because of r: answers everybody who waits, and keeps what is to be
 * saved later. */
void exchange_fail_to_save(Exchange *exchange, int r);
/* Answers everybody who waits: there is nothing to save. */
void exchange_finish(Exchange *exchange);

/* Crash recovery waits for the exchanges that are under way now: what they come to may be a
 * decision against a link that it is about to make. */
void exchanges_await(Exchanges *exchanges);
bool exchanges_are_awaited(const Exchanges *exchanges);

/* Gives up outcomes that nobody has asked for again in time. */
void exchanges_expire_unsaved(Exchanges *exchanges);

extern const TenancyPart exchanges_part;
