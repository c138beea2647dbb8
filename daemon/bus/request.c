/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/log.h"
#include "daemon/bus/request.h"
#include "daemon/model/valid.h"
#include "dbus/error.h"

Request *request_free(Request *request)
{
        Bus *bus = request->bus;

        for (Request **r = &bus->requests; *r; r = &(*r)->next)
                if (*r == request) {
                        *r = request->next;
                        break;
                }
        if (request->cancel && request->operation)
                request->cancel(request->operation);
        if (request->counted)
                (*identity_n_pending(request->identity))--;
        identity_unref(request->identity);
        tenancy_unref(request->tenancy);
        sd_bus_message_unref(request->message);
        free(request);

        if (!bus->requests && bus->owner.idle)
                bus->owner.idle(bus->owner.userdata);
        return NULL;
}

/* One line for each call that fails, where it ends. */
static void request_log_failure(const Request *request, int r, const char *text)
{
        int level;

        if (r < 0 || r == ERROR_STORE_FULL || r == ERROR_STORE_FAILED)
                level = LOG_ERR;
        else if (r == ERROR_ACCESS_DENIED || r == ERROR_LIMITS_EXCEEDED)
                level = LOG_NOTICE;
        else
                level = LOG_INFO;

        if (request->identity)
                log_at(level, "%s%s%s for uid %u: %s", sd_bus_message_get_member(request->message),
                       request->tenancy ? " on " : "",
                       request->tenancy ? tenancy_label(request->tenancy) : "",
                       identity_caller(request->identity)->uid, text);
        else
                log_at(level, "%s for %s: %s", sd_bus_message_get_member(request->message),
                       sd_bus_message_get_sender(request->message), text);
}

/* Where every failing request ends. */
static void request_end(Request *request, int r, const char *text)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;

        /* What sd-bus says of text that the bus let through and it will not read. */
        if (r == -EBADMSG) {
                r = ERROR_INVALID_ARGS;
                text = error_text(r);
        }
        if (r > 0) {
                /* What is no text could not be sent at all. */
                if (!text_is_valid(text, 1024))
                        text = error_text(r);
                request_log_failure(request, r, text);
                sd_bus_error_set(&error, error_dbus_name(r), text);
        } else {
                request_log_failure(request, r, strerror(-r));
                sd_bus_error_set(&error,
                                 r == -ENOMEM ? SD_BUS_ERROR_NO_MEMORY : SD_BUS_ERROR_FAILED,
                                 "The daemon failed; its log says more");
        }
        (void) sd_bus_reply_method_error(request->message, &error);
        request_free(request);
}

void request_fail(Request *request, int r)
{
        request_end(request, r, error_text(r));
}

void request_fail_retry_after(Request *request, int r, uint32_t retry_after_s)
{
        char text[128];

        if (r != ERROR_RATE_LIMITED) {
                request_fail(request, r);
                return;
        }
        /* The API need not say when; a caller that is told nothing would ask again at once. */
        (void) snprintf(text, sizeof(text), "%s; retry after %u s", error_text(r),
                        retry_after_s ?: 1U);
        request_end(request, r, text);
}

int request_refuse(Request *request, int r, const char *format, ...)
{
        char text[512];
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        request_end(request, r, text);
        return 0;
}

int request_new_reply(Request *request, sd_bus_message **ret)
{
        return sd_bus_message_new_method_return(request->message, ret);
}

void request_reply(Request *request, sd_bus_message *reply)
{
        int r = sd_bus_send(NULL, reply, NULL);

        if (r < 0)
                request_fail(request, r);
        else
                request_free(request);
}

void request_finish(Request *request, int r, uint32_t retry_after_s, sd_bus_message *reply)
{
        if (r < 0 || !reply)
                request_fail_retry_after(request, r, retry_after_s);
        else
                request_reply(request, reply);
}

void request_reply_empty(Request *request)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r = request_new_reply(request, &reply);

        if (r < 0)
                request_fail(request, r);
        else
                request_reply(request, reply);
}

static bool request_is_granted(const Request *request, const char *rp_id)
{
        const Caller *caller = identity_caller(request->identity);

        return grants_allow(&request->bus->grants, caller,
                            request->tenancy ? tenancy_label(request->tenancy) : NULL,
                            request->rights, rp_id);
}

int request_authorize_rp(const Request *request, const char *rp_id)
{
        return request_is_granted(request, rp_id) ? 0 : ERROR_ACCESS_DENIED;
}

/* It is known who is calling. */
static void request_start(Request *request)
{
        unsigned *n_pending = identity_n_pending(request->identity);
        int r;

        if (!request_is_granted(request, NULL)) {
                request_fail(request, ERROR_ACCESS_DENIED);
                return;
        }
        if (*n_pending >= request->bus->max_pending_per_user) {
                request_fail(request, ERROR_LIMITS_EXCEEDED);
                return;
        }
        (*n_pending)++;
        request->counted = true;
        r = request->run(request, request->message);
        if (r != 0)
                request_fail(request, r);
}

static void request_identified(Identity *identity, void *userdata)
{
        Request *request = userdata;

        if (!identity) {
                request_fail(request, ERROR_ACCESS_DENIED);
                return;
        }
        request->identity = identity_ref(identity);
        request_start(request);
}

int request_begin(Bus *bus, Tenancy *tenancy, sd_bus_message *message, unsigned rights,
                  int (*run)(Request *request, sd_bus_message *message))
{
        Request *request = calloc(1, sizeof(Request));
        int r;

        if (!request)
                return -ENOMEM;
        *request = (Request){
                .next = bus->requests,
                .bus = bus,
                .message = sd_bus_message_ref(message),
                .tenancy = tenancy ? tenancy_ref(tenancy) : NULL,
                .rights = rights,
                .run = run,
        };
        bus->requests = request;

        r = identities_find(bus->identities, sd_bus_message_get_sender(message),
                            bus->max_pending_per_user, request_identified, request,
                            &request->identity);
        if (r < 0)
                request_fail(request, r == -EBUSY ? ERROR_LIMITS_EXCEEDED : r);
        else if (r > 0)
                request_start(request);
        return 1;
}
