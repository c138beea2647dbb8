/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/api/api-internal.h"

#define BACKGROUND_MAX 16U

/* Limit per Api, so that a slow tenancy leaves slots to the others. */
#define BACKGROUND_MAX_PER_API 8U

/* HTTP/1.1 is limited to 64 connections: with this many foreground calls in flight, background
 * calls would starve them. */
#define FOREGROUND_BUSY 32U

typedef TAILQ_HEAD(ApiCallQueue, ApiCall) ApiCallQueue;

struct ApiContext {
        sd_event *event;
        ApiTransport transport;
        ApiCallQueue running;
        ApiCallQueue waiting;       /* queued background calls */
        size_t n_background;        /* background calls in flight */
        sd_event_source *slot_free; /* starts waiting calls */
};

static bool has_slot(const ApiContext *context, const Api *api)
{
        return context->n_background < BACKGROUND_MAX &&
               api->n_background <
                       (api->n_foreground < FOREGROUND_BUSY ? BACKGROUND_MAX_PER_API : 1U);
}

static unsigned *counter(const ApiCall *call)
{
        return call->priority == API_BACKGROUND ? &call->api->n_background
                                                : &call->api->n_foreground;
}

/* Selects the startable call whose Api has the fewest running calls; among these, the oldest. */
static ApiCall *find_next(const ApiContext *context)
{
        ApiCall *next = NULL, *call;

        TAILQ_FOREACH(call, &context->waiting, entry)
                if (has_slot(context, call->api) &&
                    (!next || call->api->n_background < next->api->n_background))
                        next = call;
        return next;
}

static int start(ApiContext *context, ApiCall *call)
{
        TAILQ_INSERT_TAIL(&context->running, call, entry);
        (*counter(call))++;
        context->n_background += call->priority == API_BACKGROUND;
        call->waiting = false;
        if (call->deadline_ms == 0)
                call->deadline_ms = monotonic_ms() + call->api->timeout_ms;
        return api_call_start(call);
}

/* Starts one call per event: the callback of a call that fails to start may free anything. */
static int on_slot_free(sd_event_source *source, void *userdata)
{
        ApiContext *context = userdata;
        ApiCall *call = find_next(context);
        int r;

        if (!call)
                return log_errno_origin(sd_event_source_set_enabled(source, SD_EVENT_OFF));
        TAILQ_REMOVE(&context->waiting, call, entry);
        r = start(context, call);
        if (r < 0)
                api_call_end(call, r, 0, NULL);
        return 0;
}

int api_context_start(ApiContext *context, ApiCall *call)
{
        call->context = context;
        if (call->priority == API_FOREGROUND || has_slot(context, call->api))
                return start(context, call);
        TAILQ_INSERT_TAIL(&context->waiting, call, entry);
        call->waiting = true;
        return 0;
}

void api_context_remove(ApiContext *context, ApiCall *call)
{
        TAILQ_REMOVE(call->waiting ? &context->waiting : &context->running, call, entry);
        if (call->waiting)
                return;
        assert(*counter(call) > 0);
        (*counter(call))--;
        context->n_background -= call->priority == API_BACKGROUND;
        if (!TAILQ_EMPTY(&context->waiting))
                (void) sd_event_source_set_enabled(context->slot_free, SD_EVENT_ON);
}

sd_event *api_context_event(const ApiContext *context)
{
        return context->event;
}

const ApiTransport *api_context_transport(const ApiContext *context)
{
        return &context->transport;
}

int api_context_new(sd_event *event, const ApiTransport *transport, ApiContext **ret)
{
        _cleanup_(api_context_freep) ApiContext *context = calloc(1, sizeof(ApiContext));
        int r;

        if (!context)
                return -ENOMEM;
        TAILQ_INIT(&context->running);
        TAILQ_INIT(&context->waiting);
        context->event = sd_event_ref(event);
        context->transport = *transport;
        r = log_errno_origin(sd_event_add_defer(event, &context->slot_free, on_slot_free, context));
        if (r >= 0)
                r = log_errno_origin(sd_event_source_set_enabled(context->slot_free, SD_EVENT_OFF));
        if (r < 0)
                return r;
        *ret = TAKE_PTR(context);
        return 0;
}

ApiContext *api_context_free(ApiContext *context)
{
        ApiCall *call;

        if (!context)
                return NULL;
        while ((call = TAILQ_FIRST(&context->waiting)))
                api_call_cancel(call);
        while ((call = TAILQ_FIRST(&context->running)))
                api_call_cancel(call);
        sd_event_source_disable_unref(context->slot_free);
        sd_event_unref(context->event);
        free(context);
        return NULL;
}
