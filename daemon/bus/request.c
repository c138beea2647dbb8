/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
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
        free(request->label);
        sd_bus_message_unref(request->message);
        free(request);
        return NULL;
}

static void request_audit(const Request *request, Event event, int r, const char *text)
{
        const RequestSubject *subject = &request->subject;

        audit(event, .origin = &request->origin,
              .sender = request->identity ? NULL : sd_bus_message_get_sender(request->message),
              .tenancy = request->label, .user_id = subject->user_id,
              .authenticator_id = subject->authenticator_id, .rp_id = subject->rp_id,
              .challenge_id = subject->challenge_id, .error = r, .text = text);
}

void request_record(const Request *request, Event event)
{
        request_audit(request, event, 0, NULL);
}

/* What kind of failure it is: no right, the caller's mistake, or not his fault. */
static Event event_of_failure(int r)
{
        switch (r) {
        case ERROR_ACCESS_DENIED:
        case ERROR_LIMITS_EXCEEDED:
                return EVENT_CALL_REFUSED;
        case ERROR_RATE_LIMITED:
        case ERROR_API_DENIED:
        case ERROR_UNREACHABLE:
        case ERROR_MALFORMED_REPLY:
        case ERROR_NOT_CONFIGURED:
        case ERROR_STORE_FULL:
        case ERROR_STORE_FAILED:
                return EVENT_CALL_FAILED;
        default:
                return r < 0 ? EVENT_CALL_FAILED : EVENT_CALL_REJECTED;
        }
}

/* One record for each call that fails, where it ends. */
static void request_record_failure(Request *request, int r, const char *text)
{
        /* Everyday answers, which the caller has heard. */
        bool everyday = r == ERROR_NOT_FOUND || r == ERROR_INVALID_ARGS;

        if (request->recorded || (everyday && !log_is_on(LOG_DEBUG)))
                return;
        /* Who makes calls that fail can make many, and is not to drown what else there is. */
        if (!identities_may_record(request->bus->identities, request->identity))
                return;
        request_audit(request, event_of_failure(r), r, text);
}

/* Sets the D-Bus error for a negative errno. A shortage is named: the call may succeed later. */
static void set_errno(sd_bus_error *error, int r)
{
        switch (r) {
        case -ENOMEM:
                sd_bus_error_set(error, SD_BUS_ERROR_NO_MEMORY,
                                 "The daemon is short of memory; try again later");
                break;
        case -EMFILE:
        case -ENFILE:
        case -ENOBUFS:
                sd_bus_error_set(error, error_dbus_name(ERROR_LIMITS_EXCEEDED),
                                 "The daemon itself is short of file descriptors or the like; try "
                                 "again later");
                break;
        default:
                sd_bus_error_set(error, SD_BUS_ERROR_FAILED,
                                 "The daemon failed; its log says more");
        }
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
                request_record_failure(request, r, text);
                sd_bus_error_set(&error, error_dbus_name(r), text);
        } else {
                request_record_failure(request, r, strerror(-r));
                set_errno(&error, r);
        }
        (void) sd_bus_reply_method_error(request->message, &error);
        request_free(request);
}

void request_fail(Request *request, int r)
{
        request_end(request, r, request->text[0] ? request->text : error_text(r));
}

void request_fail_retry_after(Request *request, int r, uint32_t retry_after_s)
{
        /* The API need not say when; a caller that is told nothing would ask again at once. */
        if (r == ERROR_RATE_LIMITED)
                (void) request_explain(request, r, "%s; retry after %u s", error_text(r),
                                       retry_after_s ?: 1U);
        request_fail(request, r);
}

int request_explain(Request *request, int r, const char *format, ...)
{
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(request->text, sizeof(request->text), format, ap);
        va_end(ap);
        return r;
}

/* What is not named here does not get into a record. */
static void request_note(Request *request, const char *name, const char *text)
{
        RequestSubject *subject = &request->subject;

        if (streq(name, "user_id"))
                subject->user_id = text;
        else if (streq(name, "authenticator_id") || streq(name, "passkey_id"))
                subject->authenticator_id = text;
        else if (streq(name, "rp_id"))
                subject->rp_id = text;
        else if (streq(name, "challenge_id"))
                subject->challenge_id = text;
}

int request_read_text(Request *request, const char *name, bool (*is_valid)(const char *text),
                      unsigned len_max, const char **ret)
{
        const char *text;
        int r;

        r = sd_bus_message_read(request->message, "s", &text);
        if (r < 0)
                return r;
        if (!is_valid(text))
                return request_explain(request, ERROR_INVALID_ARGS,
                                       "%s is not a text of 1 to %u bytes", name, len_max);
        request_note(request, name, text);
        *ret = text;
        return 0;
}

int request_read_options(Request *request, const Option *options, size_t n_options)
{
        int r;

        r = options_read(request->message, options, n_options, request->text);
        for (size_t i = 0; r == 0 && i < n_options; i++)
                if (options[i].type == 's')
                        request_note(request, options[i].name, *(const char **) options[i].value);
        return r;
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

        return grants_allow(&request->bus->grants, caller, request->label, request->rights, rp_id);
}

bool request_still_stands(const Request *request)
{
        const BusTenancy *object;

        if (!request->tenancy)
                return true;
        object = bus_find_tenancy(request->bus, request->label);
        return object && object->tenancy == request->tenancy;
}

int request_authorize_rp(const Request *request, const char *rp_id)
{
        return request_is_granted(request, rp_id) ? 0 : ERROR_ACCESS_DENIED;
}

void request_run_authorized(Request *request)
{
        int r;

        request->authorized = true;
        r = request->run(request, request->message);
        if (r != 0)
                request_fail(request, r);
}

/* It is known who is calling. */
static void request_start(Request *request)
{
        unsigned *n_pending = identity_n_pending(request->identity);
        bool granted = request->for_everybody || request_is_granted(request, NULL);
        int r;

        request->origin.has_uid = true;
        request->origin.uid = identity_caller(request->identity)->uid;
        if (!granted && !request->question) {
                request_fail(request, ERROR_ACCESS_DENIED);
                return;
        }
        if (!request_still_stands(request)) {
                request_fail(request, request_explain(request, ERROR_UNKNOWN_OBJECT,
                                                      "The configuration has changed: the label "
                                                      "stands for another tenancy now"));
                return;
        }
        if (*n_pending >= request->bus->max_pending_per_user) {
                request_fail(request, ERROR_LIMITS_EXCEEDED);
                return;
        }
        (*n_pending)++;
        request->counted = true;
        if (granted)
                request->origin.decided_by =
                        request->origin.uid == 0 ? DECIDED_BY_ROOT : DECIDED_BY_GRANT;
        r = granted ? request->run(request, request->message) : question_ask(request);
        if (r != 0)
                request_fail(request, r);
}

static void request_identified(int r, Identity *identity, void *userdata)
{
        Request *request = userdata;

        /* Both ways he is nobody; but one of them passes. */
        if (r == -ETIMEDOUT || r == -ENOMEM) {
                request_fail(request,
                             request_explain(request, ERROR_LIMITS_EXCEEDED,
                                             "The bus does not say in time who is calling"));
                return;
        }
        if (r < 0) {
                request_fail(request, ERROR_ACCESS_DENIED);
                return;
        }
        request->identity = identity_ref(identity);
        request_start(request);
}

static int request_new(Bus *bus, const BusTenancy *object, sd_bus_message *message, Request **ret)
{
        Request *request = calloc(1, sizeof(Request));
        char *label = object ? strdup(object->label) : NULL;

        if (!request || (object && !label)) {
                free(request);
                free(label);
                return -ENOMEM;
        }
        *request = (Request){
                .next = bus->requests,
                .bus = bus,
                .message = sd_bus_message_ref(message),
                .tenancy = object ? tenancy_ref(object->tenancy) : NULL,
                .label = label,
                .origin = {.begun_at_us = monotonic_us()},
        };
        (void) snprintf(request->origin.method, sizeof(request->origin.method), "%s",
                        sd_bus_message_get_member(request->message));
        bus->requests = request;
        *ret = request;
        return 0;
}

/* Finds out who is calling, and goes on from there. */
static int request_enter(Request *request)
{
        Bus *bus = request->bus;
        int r;

        r = identities_find(bus->identities, sd_bus_message_get_sender(request->message),
                            bus->max_pending_per_user, request_identified, request,
                            &request->identity);
        if (r < 0)
                request_fail(request, r == -EBUSY ? ERROR_LIMITS_EXCEEDED : r);
        else if (r > 0)
                request_start(request);
        return 1;
}

int request_begin(Bus *bus, const BusTenancy *object, sd_bus_message *message, unsigned rights,
                  const Question *question, int (*run)(Request *request, sd_bus_message *message))
{
        Request *request;
        int r;

        r = request_new(bus, object, message, &request);
        if (r < 0)
                return r;
        request->rights = rights;
        request->question = question;
        request->run = run;
        return request_enter(request);
}

int request_begin_for_everybody(Bus *bus, sd_bus_message *message,
                                int (*run)(Request *request, sd_bus_message *message))
{
        Request *request;
        int r;

        r = request_new(bus, NULL, message, &request);
        if (r < 0)
                return r;
        request->for_everybody = true;
        request->run = run;
        return request_enter(request);
}
