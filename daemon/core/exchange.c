/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/clock.h"
#include "daemon/api/api.h"
#include "daemon/core/answer-key.h"
#include "daemon/core/exchange.h"
#include "daemon/core/settle.h"
#include "daemon/core/tenancy-internal.h"
#include "daemon/store/store.h"
#include "dbus/error.h"

/* How long a repeat is answered from memory or disk; a code lives five minutes. */
#define ANSWER_TTL_MS (15U * 60U * 1000U)
/* Answers that the store refused, kept in memory for a repeat. */
#define UNSAVED_MAX 256U

/* Somebody who waits for the answer. */
typedef struct Waiter {
        struct Waiter *next;
        char *user_id; /* the only acceptable one, or NULL */
        ExchangeFunc func;
        void *userdata;
} Waiter;

typedef enum ExchangeStage {
        EXCHANGE_MARKING, /* the mark for what a crash may lose is on its way to the disk */
        EXCHANGE_ASKING,  /* the API has been asked */
        EXCHANGE_SAVING,  /* link and answer are on their way to the disk */
        EXCHANGE_UNSAVED, /* the store failed; kept for a repeat until answer.expires_at_ms */
} ExchangeStage;

struct Exchange {
        Exchange *next;
        Tenancy *tenancy; /* held while under way; an unsaved one is held by the tenancy instead */
        ExchangeStage stage;
        unsigned generation; /* of the tenancy, when the API was asked */
        char *tenancy_id;    /* as it was at the start */
        char *code;          /* wiped once it has been sent */
        bool open;           /* settle_end() is due */
        char *user_id;
        bool wants_link;
        Cause cause;
        bool has_key; /* there is a request id, and `key` is what a repeat is found by */
        uint8_t key[ANSWER_KEY_LEN];
        ApiCall *call;
        Answer answer;
        Link *link;
        Waiter *waiters;
};

static Waiter *waiter_free(Waiter *waiter)
{
        free(waiter->user_id);
        free(waiter);
        return NULL;
}
DEFINE_CLEANUP(Waiter *, waiter_free);

static void exchange_unlink(Tenancy *tenancy, Exchange *exchange)
{
        for (Exchange **e = &tenancy->exchanges; *e; e = &(*e)->next)
                if (*e == exchange) {
                        *e = exchange->next;
                        return;
                }
}

static void exchange_forget_code(Exchange *exchange)
{
        if (exchange->code)
                explicit_bzero(exchange->code, strlen(exchange->code));
        exchange->code = (free(exchange->code), NULL);
}

static Exchange *exchange_free(Exchange *exchange)
{
        while (exchange->waiters) {
                Waiter *waiter = exchange->waiters;

                exchange->waiters = waiter->next;
                waiter_free(waiter);
        }
        api_call_cancel(exchange->call);
        answer_clear(&exchange->answer);
        link_free(exchange->link);
        exchange_forget_code(exchange);
        free(exchange->tenancy_id);
        free(exchange->user_id);
        tenancy_unref(exchange->tenancy);
        free(exchange);
        return NULL;
}
DEFINE_CLEANUP(Exchange *, exchange_free);

void exchange_forget_all(Tenancy *tenancy)
{
        while (tenancy->exchanges) {
                Exchange *exchange = tenancy->exchanges;

                tenancy->exchanges = exchange->next;
                exchange_free(exchange);
        }
}

/* A repeat that names another user than the first did must not be told of that one. */
static int acceptable_to(const char *user_id, const Answer *answer)
{
        if (answer->error)
                return answer->error;
        if (user_id && !streq(user_id, answer->principal->user_id))
                return ERROR_USER_MISMATCH;
        return 0;
}

int exchange_find_answer(Tenancy *tenancy, const ExchangeRequest *request, Answer *ret)
{
        _cleanup_(answer_clear) Answer answer = {};
        uint8_t key[ANSWER_KEY_LEN];
        int r;

        if (!request->request_id)
                return ERROR_NOT_FOUND;
        r = answer_key(tenancy->tenancy_id, request, key);
        if (r < 0)
                return r;
        r = store_get_answer(tenancy->store, key, realtime_ms(), &answer);
        if (r != 0)
                return r;
        answer.error = acceptable_to(request->user_id, &answer);

        *ret = answer;
        answer = (Answer){};
        return 0;
}

static void exchange_answer(Exchange *exchange, int r, uint32_t retry_after_s)
{
        Waiter *waiters = TAKE_PTR(exchange->waiters);

        while (waiters) {
                _cleanup_(waiter_freep) Waiter *waiter = waiters;
                int r_waiter = r == 0 ? acceptable_to(waiter->user_id, &exchange->answer) : r;

                waiters = waiter->next;
                waiter->func(r_waiter, retry_after_s, r_waiter == 0 ? &exchange->answer : NULL,
                             waiter->userdata);
        }
}

/* The end of an exchange: everybody who waits is answered. */
static void exchange_end(Exchange *exchange, int r, uint32_t retry_after_s)
{
        _cleanup_(exchange_freep) Exchange *owned = exchange;

        /* First out of the list: who asks again from within an answer begins anew. */
        exchange_unlink(owned->tenancy, owned);
        if (owned->open)
                settle_end(owned->tenancy);
        exchange_answer(owned, r, retry_after_s);
}

static void drop_unsaved(Tenancy *tenancy, uint64_t now_ms)
{
        size_t n = 0;

        /* The list has the newest first. */
        for (Exchange **e = &tenancy->exchanges; *e;) {
                Exchange *exchange = *e;

                if (exchange->stage == EXCHANGE_UNSAVED &&
                    (exchange->answer.expires_at_ms <= now_ms || ++n > UNSAVED_MAX)) {
                        *e = exchange->next;
                        exchange_free(exchange);
                } else {
                        e = &exchange->next;
                }
        }
}

/* The store failed. The code is consumed, so what it stood for is kept where there can be a repeat.
 */
static void exchange_keep_unsaved(Exchange *exchange, int r)
{
        _cleanup_(tenancy_unrefp) Tenancy *tenancy = NULL;

        if (!exchange->has_key)
                exchange->open = false; /* it never settles: the mark stays for the next start */
        if (!exchange->has_key) {
                exchange_end(exchange, r, 0);
                return;
        }
        exchange->stage = EXCHANGE_UNSAVED;
        tenancy = TAKE_PTR(exchange->tenancy);
        exchange_answer(exchange, r, 0);
        drop_unsaved(tenancy, realtime_ms());
}

static void exchange_saved(int r, bool newly_linked, void *userdata)
{
        Exchange *exchange = userdata;

        switch (r) {
        case 0:
                exchange->answer.linked = exchange->link;
                exchange->answer.newly_linked = newly_linked;
                if (newly_linked)
                        tenancy_tell_link_added(exchange->tenancy, exchange->link,
                                                &exchange->cause);
                exchange_end(exchange, exchange->answer.error, 0);
                return;
        case ERROR_LINK_CONFLICT:
        case ERROR_LIMITS_EXCEEDED:
                exchange_end(exchange, r, 0);
                return;
        default:
                exchange_keep_unsaved(exchange, r);
        }
}

/* Link and answer go to the store together. */
static int exchange_save(Exchange *exchange)
{
        int r;

        r = store_commit_exchange(exchange->tenancy->store, exchange->tenancy_id, exchange->link,
                                  exchange->has_key ? exchange->key : NULL, &exchange->answer,
                                  realtime_ms(), exchange_saved, exchange, NULL);
        if (r == 0)
                exchange->stage = EXCHANGE_SAVING;
        return r;
}

/* Turns the principal into what will be answered. */
static int exchange_judge(Exchange *exchange, const Principal *principal)
{
        uint64_t now_ms = realtime_ms();

        exchange->answer.expires_at_ms = now_ms + ANSWER_TTL_MS;
        if (exchange->user_id && !streq(exchange->user_id, principal->user_id)) {
                exchange->answer.error = ERROR_USER_MISMATCH;
                return 0;
        }
        if (exchange->wants_link &&
            link_new(principal->authenticator_id, principal->user_id, principal->platform_name,
                     now_ms, 0, &exchange->link) < 0)
                return -ENOMEM;
        return principal_copy(principal, &exchange->answer.principal);
}

static void exchange_asked(int r, uint32_t retry_after_s, const Principal *principal,
                           void *userdata)
{
        Exchange *exchange = userdata;

        exchange->call = NULL;
        tenancy_note_api_result(exchange->tenancy, exchange->generation, r);
        if (r == 0)
                r = exchange_judge(exchange, principal);
        if (r != 0) {
                exchange_end(exchange, r, retry_after_s);
        } else if (!exchange->link && !exchange->has_key) {
                exchange_end(exchange, exchange->answer.error, 0);
        } else {
                r = exchange_save(exchange);
                if (r != 0)
                        exchange_keep_unsaved(exchange, r);
        }
}

static int waiter_new(const char *user_id, ExchangeFunc func, void *userdata, Waiter **ret)
{
        _cleanup_(waiter_freep) Waiter *waiter = calloc(1, sizeof(Waiter));

        if (!waiter)
                return -ENOMEM;
        waiter->user_id = user_id ? strdup(user_id) : NULL;
        if (user_id && !waiter->user_id)
                return -ENOMEM;
        waiter->func = func;
        waiter->userdata = userdata;

        *ret = TAKE_PTR(waiter);
        return 0;
}

static void exchange_add_waiter(Exchange *exchange, Waiter *waiter)
{
        waiter->next = exchange->waiters;
        exchange->waiters = waiter;
}

static Exchange *find_exchange(Tenancy *tenancy, const uint8_t key[static ANSWER_KEY_LEN])
{
        for (Exchange *e = tenancy->exchanges; e; e = e->next)
                if (e->has_key && memcmp(e->key, key, ANSWER_KEY_LEN) == 0)
                        return e;
        return NULL;
}

/* A repeat while the first is under way, or after the store failed it. Takes the waiter over. */
static int exchange_join(Tenancy *tenancy, Exchange *exchange, Waiter *waiter)
{
        _cleanup_(waiter_freep) Waiter *owned = waiter;

        if (exchange->stage == EXCHANGE_UNSAVED) {
                int r;

                exchange->tenancy = tenancy_ref(tenancy);
                r = exchange_save(exchange);
                if (r != 0) {
                        exchange->tenancy = tenancy_unref(exchange->tenancy);
                        return r;
                }
        }
        exchange_add_waiter(exchange, TAKE_PTR(owned));
        return 0;
}

static int exchange_new(Tenancy *tenancy, const ExchangeRequest *request, const uint8_t *key,
                        Exchange **ret)
{
        _cleanup_(exchange_freep) Exchange *exchange = calloc(1, sizeof(Exchange));

        if (!exchange)
                return -ENOMEM;
        exchange->tenancy = tenancy_ref(tenancy);
        exchange->tenancy_id = strdup(tenancy->tenancy_id);
        exchange->user_id = request->user_id ? strdup(request->user_id) : NULL;
        exchange->code = strdup(request->code);
        exchange->wants_link = request->link;
        exchange->cause = request->cause;
        if (key) {
                exchange->has_key = true;
                memcpy(exchange->key, key, ANSWER_KEY_LEN);
        }
        if (!exchange->tenancy_id || !exchange->code || (request->user_id && !exchange->user_id))
                return -ENOMEM;

        *ret = TAKE_PTR(exchange);
        return 0;
}

static int exchange_ask(Exchange *exchange)
{
        int r;

        exchange->generation = exchange->tenancy->generation;
        r = api_exchange_code(exchange->tenancy->api, exchange->code, exchange_asked, exchange,
                              &exchange->call);
        exchange_forget_code(exchange);
        if (r == 0)
                exchange->stage = EXCHANGE_ASKING;
        return r;
}

static void exchange_marked(int r, void *userdata)
{
        Exchange *exchange = userdata;

        exchange->open = r == 0;
        if (r == 0)
                r = exchange_ask(exchange);
        if (r != 0)
                exchange_end(exchange, r, 0);
}

/* Asks the API; first, if there is to be a link, sees to the mark. */
static int exchange_begin(Exchange *exchange)
{
        int r;

        if (!exchange->wants_link)
                return exchange_ask(exchange);
        r = settle_begin(exchange->tenancy, exchange_marked, exchange);
        if (r <= 0)
                return r;
        r = exchange_ask(exchange);
        if (r != 0)
                settle_end(exchange->tenancy);
        exchange->open = r == 0;
        return r;
}

/* Takes the waiter over. */
static int exchange_add(Tenancy *tenancy, const ExchangeRequest *request, const uint8_t *key,
                        Waiter *waiter)
{
        _cleanup_(waiter_freep) Waiter *owned = waiter;
        _cleanup_(exchange_freep) Exchange *exchange = NULL;
        int r;

        r = exchange_new(tenancy, request, key, &exchange);
        if (r < 0)
                return r;
        exchange_add_waiter(exchange, TAKE_PTR(owned));
        r = exchange_begin(exchange);
        if (r != 0)
                return r;

        exchange->next = tenancy->exchanges;
        tenancy->exchanges = TAKE_PTR(exchange);
        return 0;
}

int exchange_start(Tenancy *tenancy, const ExchangeRequest *request, ExchangeFunc func,
                   void *userdata)
{
        _cleanup_(waiter_freep) Waiter *waiter = NULL;
        Exchange *first = NULL;
        uint8_t key[ANSWER_KEY_LEN];
        int r;

        r = waiter_new(request->user_id, func, userdata, &waiter);
        if (r < 0)
                return r;
        drop_unsaved(tenancy, realtime_ms());
        if (request->request_id) {
                r = answer_key(tenancy->tenancy_id, request, key);
                if (r < 0)
                        return r;
                first = find_exchange(tenancy, key);
        }
        if (first)
                return exchange_join(tenancy, first, TAKE_PTR(waiter));
        if (!tenancy->key)
                return ERROR_NOT_CONFIGURED;
        /* In a URL these would stand for another resource, and no code is one of them. */
        if (streq(request->code, ".") || streq(request->code, ".."))
                return ERROR_INVALID_CODE;
        return exchange_add(tenancy, request, request->request_id ? key : NULL, TAKE_PTR(waiter));
}
