/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Waits for the answer of an exchange with the same key on another host. */

#include <errno.h>

#include "base/clock.h"
#include "daemon/core/crash-recovery.h"
#include "daemon/core/exchange-internal.h"
#include "daemon/store/store.h"
#include "dbus/error.h"

#define PATIENCE_MS 2000U
#define POLL_US     (50U * 1000U)

/* Whether there is nothing to wait for; then the exchange has its result. */
static bool has_result(Exchange *exchange)
{
        Store *store = exchange->tenancy->store;
        bool is_open = false;
        int r;

        /* Before the answer: one transaction stores the answer and removes the intent. */
        r = store_has_exchange_elsewhere(store, exchange->tenancy->id, exchange->key, &is_open);
        if (r == 0)
                r = store_get_idempotency_record(store, exchange->key, &exchange->answer);
        if (r == ERROR_NOT_FOUND)
                return !is_open || monotonic_ms() >= exchange->give_up_at_ms;
        exchange->result = r == 0 ? exchange->answer.error : r;
        return true;
}

static Exchange *find_with_result(const Exchanges *exchanges)
{
        Exchange *e;

        LIST_FOREACH(e, &exchanges->exchanges, entry)
                if (e->stage == EXCHANGE_AWAITING_HOST && has_result(e))
                        return e;
        return NULL;
}

static bool any_waits(const Exchanges *exchanges)
{
        const Exchange *e;

        LIST_FOREACH(e, &exchanges->exchanges, entry)
                if (e->stage == EXCHANGE_AWAITING_HOST)
                        return true;
        return false;
}

static void poll_soon(Exchanges *exchanges)
{
        (void) sd_event_source_set_time_relative(exchanges->poll, POLL_US);
        (void) sd_event_source_set_enabled(exchanges->poll, SD_EVENT_ONESHOT);
}

static int on_poll(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
        Exchanges *exchanges = userdata;
        Exchange *exchange;

        while ((exchange = find_with_result(exchanges)))
                exchange_finish_now(exchange);
        if (any_waits(exchanges))
                poll_soon(exchanges);
        return 0;
}

static int make_timer(Exchanges *exchanges)
{
        return exchanges->poll ? 0
                               : sd_event_add_time_relative(exchanges->tenancy->event,
                                                            &exchanges->poll, CLOCK_MONOTONIC,
                                                            POLL_US, 1000, on_poll, exchanges);
}

/* The removal of the exchange's own intent has been committed after the API's reply. So if another
 * host had used the code, its intent or its answer is known here. */
bool exchange_await_host(Exchange *exchange)
{
        if (exchange->result != ERROR_INVALID_CODE || !exchange->has_key ||
            !store_is_shared(exchange->tenancy->store))
                return false;
        exchange->give_up_at_ms = monotonic_ms() + PATIENCE_MS;
        if (has_result(exchange) || make_timer(exchange->exchanges) < 0)
                return false;
        exchange->stage = EXCHANGE_AWAITING_HOST;
        crash_recovery_resume(exchange->tenancy->crash_recovery);
        poll_soon(exchange->exchanges);
        return true;
}
