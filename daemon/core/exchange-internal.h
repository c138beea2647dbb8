/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Shared by exchange.c, which begins an exchange and calls the API, exchange-end.c, which saves the
 * outcome and replies, exchange-elsewhere.c, which waits for another host, and crash recovery. */

#include <sys/queue.h>

#include "daemon/backoff/backoff.h"
#include "daemon/core/exchange.h"
#include "daemon/core/tenancy-internal.h"

typedef struct ExchangeCaller {
        SLIST_ENTRY(ExchangeCaller) entry;
        char *user_id; /* the expected user, or NULL for any */
        ResultFunc func;
        void *userdata;
} ExchangeCaller;

ExchangeCaller *exchange_caller_free(ExchangeCaller *caller);
DEFINE_CLEANUP(ExchangeCaller *, exchange_caller_free);

typedef enum ExchangeStage {
        EXCHANGE_BEGINNING,         /* writing the intent */
        EXCHANGE_CALLING_API,       /* waiting for the API */
        EXCHANGE_SAVING,            /* writing the outcome */
        EXCHANGE_AWAITING_HOST,     /* another host may have the answer */
        EXCHANGE_AWAITING_RECOVERY, /* crash recovery may restore the link */
        EXCHANGE_UNSAVED,           /* the store failed; a retry saves the outcome */
        EXCHANGE_ENDED,             /* the store failed; only the intent is to be removed */
} ExchangeStage;

typedef struct Exchange {
        LIST_ENTRY(Exchange) entry;
        Exchanges *exchanges;
        ExchangeStage stage;
        Tenancy *tenancy; /* NULL after a failed save: then the tenancy owns the exchange */
        Api *api;         /* NULL after the API call has started */
        char *code;       /* wiped after sending */
        char *user_id;
        bool wants_link;
        AuditOrigin origin;
        bool has_key; /* the request has a request id */
        uint8_t key[IDEMPOTENCY_KEY_LEN];
        uint64_t intent_id; /* 0: none on disk */
        bool interrupted;   /* an earlier process began an exchange with this key */
        bool taken_over; /* `intent_id` is of that exchange; crash recovery must get the result */
        bool awaited;    /* crash recovery waits for the exchange */
        bool prior_unknown; /* the store failed, so an earlier process may have used the code */
        ApiCall *call;
        int result; /* for the callers; 0: `answer` has the result */
        uint32_t retry_after_s;
        IdempotencyRecord answer;
        Link *link;             /* to add, or NULL */
        char *declined_id;      /* authenticator id of a passkey that must not be linked, or NULL */
        uint64_t unsaved_at_ms; /* monotonic */
        uint64_t give_up_at_ms; /* monotonic: the end of AWAITING_HOST */
        SLIST_HEAD(ExchangeCallers, ExchangeCaller) callers; /* waiting for the answer */
} Exchange;

/* The exchanges of a tenancy. */
struct Exchanges {
        Tenancy *tenancy;
        LIST_HEAD(, Exchange) exchanges; /* newest first */
        Backoff *retry;
        sd_event_source *poll;        /* for answers of other hosts; NULL: not needed yet */
        uint64_t decision_lost_at_ms; /* boottime of the last decision that was not stored: recovery
                                         must not link passkeys used before; 0: none */
};

Exchange *exchange_free(Exchange *exchange);
DEFINE_CLEANUP(Exchange *, exchange_free);

/* Wipes and frees the code. */
void exchange_forget_code(Exchange *exchange);

/* Returns 0 if a caller that expects this user (NULL: any) may get the answer, or the Error to
 * reply. */
int exchange_check_user(const char *user_id, const IdempotencyRecord *answer);

/* Commits the outcome, then replies to the callers. Returns 0 or a negative errno. */
int exchange_save(Exchange *exchange);
/* The commit failed with r: replies to the callers, and keeps the outcome for a retry. */
void exchange_fail_to_save(Exchange *exchange, int r);
/* Replies to the callers without a commit, perhaps after a wait for another host. */
void exchange_finish(Exchange *exchange);
void exchange_finish_now(Exchange *exchange);
/* Waits if the code was refused, and another host has an exchange with the same key: its answer
 * becomes the result of this one. Returns false if there is nothing to wait for. */
bool exchange_await_host(Exchange *exchange);

/* Marks the exchanges in flight. Crash recovery waits for them, because an exchange may decide not
 * to link a passkey. */
void exchanges_await(Exchanges *exchanges);
bool exchanges_are_awaited(const Exchanges *exchanges);

/* Drops unsaved outcomes that no retry has asked for in time. */
void exchanges_expire_unsaved(Exchanges *exchanges);

extern const TenancyPart exchanges_part;
