/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/clock.h"
#include "daemon/bus/dispatch/api-slots.h"
#include "dbus/error.h"

#define RIGHTS_ASKING \
        (RIGHT_AUTHORIZE | RIGHT_AUTHORIZE_AUTHENTICATION | RIGHT_EXCHANGE | RIGHT_VAULT_READ | \
         RIGHT_VAULT_WRITE | RIGHT_MAILBOX)

/* Slots taken for each slot left free. */
#define SHARE 4U

/* With so few calls in flight, no uid can take more than its share. */
#define FEW 8U

static bool is_within_share(const Request *request)
{
        unsigned slots = tenancy_api_slots(request->tenancy), n_all = 0, n_own = 0;
        const Request *other;

        /* A stop waits for all requests: they may wait for a connection instead. */
        if (slots == 0 || request->bus->n_slots_taken < FEW || request->bus->stopping)
                return true;
        LIST_FOREACH(other, &request->bus->requests, entry)
                if (other->has_slot && other->tenancy == request->tenancy) {
                        n_all++;
                        n_own += other->origin.uid == request->origin.uid;
                }
        return n_all < slots && n_own < SHARE * (slots - n_all);
}

int api_slots_take(Request *request)
{
        uint64_t waited_us = monotonic_us() - request->origin.begun_at_us;

        if (request->has_slot || !request->tenancy || !(request->method->rights & RIGHTS_ASKING))
                return 0;
        if (!is_within_share(request)) {
                if (waited_us < tenancy_timeout_ms(request->tenancy) * 1000)
                        return -EAGAIN;
                if (!tenancy_api_replied_since(request->tenancy,
                                               request->origin.begun_at_us / 1000))
                        return ERROR_UNREACHABLE;
                return request_explain(request, ERROR_LIMITS_EXCEEDED,
                                       "Too many calls of this user wait for the API");
        }
        request->has_slot = true;
        request->bus->n_slots_taken++;
        return 0;
}

void api_slots_give_back(Request *request)
{
        request->bus->n_slots_taken -= request->has_slot;
        request->has_slot = false;
}
