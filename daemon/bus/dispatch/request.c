/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/bus/dispatch/request.h"
#include "daemon/metrics/call-counts.h"
#include "daemon/model/valid.h"
#include "dbus/error.h"

/* Sizes for back-pressure: of most replies, and of an entry of a list. */
#define REPLY_BYTES   ((size_t) 256)
#define LINK_BYTES    ((size_t) 256)
#define PASSKEY_BYTES ((size_t) 1024)

int request_new(Bus *bus, const BusTenancy *object, sd_bus_message *message, const Method *method,
                Request **ret)
{
        Request *request = calloc(1, sizeof(Request));
        char *label = object ? strdup(object->label) : NULL;

        if (!request || (object && !label)) {
                free(request);
                free(label);
                return -ENOMEM;
        }
        *request = (Request){
                .bus = bus,
                .method = method,
                .message = sd_bus_message_ref(message),
                .tenancy = object ? tenancy_ref(object->tenancy) : NULL,
                .label = label,
                .outcome = -ECANCELED,
                .origin = {.begun_at_us = monotonic_us(),
                           .right = method->rights == RIGHT_ALL ? NULL
                                                                : right_first_name(method->rights)},
        };
        (void) snprintf(request->origin.method, sizeof(request->origin.method), "%s",
                        sd_bus_message_get_member(request->message));
        LIST_INSERT_HEAD(&bus->requests, request, entry);
        *ret = request;
        return 0;
}

Request *request_free(Request *request)
{
        Bus *bus = request->bus;

        call_counts_add(request->method, sd_bus_message_get_interface(request->message),
                        request->origin.method, request->source, request->outcome);
        LIST_REMOVE(request, entry);
        call_cancel(request->call);
        turn_cancel(&request->turn);
        bus->n_slots_taken -= request->has_slot;
        if (request->counted) {
                peer_quota(request->peer)->n_pending--;
                peer_quota(request->peer)->n_bulk -= request->method->is_bulk;
        }
        peer_unref(request->peer);
        tenancy_unref(request->tenancy);
        free(request->label);
        sd_bus_message_unref(request->message);
        free(request);
        if (bus->owner.request_ended)
                bus->owner.request_ended(bus->owner.userdata);
        return NULL;
}

static void request_audit(const Request *request, Event event, int r, const char *text)
{
        const RequestSubject *subject = &request->subject;

        audit(event, .origin = &request->origin,
              .sender = request->peer ? NULL : sd_bus_message_get_sender(request->message),
              .tenancy = request->label, .user_id = subject->user_id,
              .authenticator_id = subject->authenticator_id, .rp_id = subject->rp_id,
              .challenge_id = subject->challenge_id, .error = r, .text = text);
}

void request_record(const Request *request, Event event, const char *text)
{
        request_audit(request, event, 0, text);
}

/* Maps an error to a denied, an invalid, or a failed call. */
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

/* Leaves one audit record for a failed call. */
static void request_record_failure(Request *request, int r, const char *text)
{
        /* Ordinary answers. */
        bool everyday = r == ERROR_NOT_FOUND || r == ERROR_INVALID_ARGS;

        if (request->recorded || (everyday && !log_is_on(LOG_DEBUG)))
                return;
        /* Rate limit: a caller must not flood the audit log. */
        if (!peers_may_record(request->bus->peers, request->peer))
                return;
        request_audit(request, event_of_failure(r), r, text);
}

/* Sets the D-Bus error for a negative errno. A resource shortage has a name: a retry may succeed.
 */
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
                                 "The daemon is short of file descriptors or other resources; try "
                                 "again later");
                break;
        default:
                sd_bus_error_set(error, SD_BUS_ERROR_FAILED,
                                 "Internal error; see the log of passlockd");
        }
}

/* Replies with an error, and frees the request. */
static void request_end_failed(Request *request, int r, const char *text)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;

        /* sd-bus is stricter than the bus: it refuses some strings as unreadable. */
        if (r == -EBADMSG) {
                r = ERROR_INVALID_ARGS;
                text = error_text(r);
        }
        if (r > 0) {
                /* sd-bus cannot send invalid UTF-8. */
                if (!text_is_valid(text, 1024))
                        text = error_text(r);
                request_record_failure(request, r, text);
                sd_bus_error_set(&error, error_dbus_name(r), text);
        } else {
                request_record_failure(request, r, strerror(-r));
                set_errno(&error, r);
        }
        request->outcome = r;
        (void) sd_bus_reply_method_error(request->message, &error);
        if (request->peer)
                unread_add(peer_unread(request->peer), REPLY_BYTES);
        request_free(request);
}

void request_fail(Request *request, int r)
{
        /* The API is known to be down. */
        if (r == ERROR_UNREACHABLE && request->tenancy && !request->text[0] &&
            tenancy_retry_after_s(request->tenancy) > 0)
                (void) request_explain(request, r, "%s; retry after %u s", error_text(r),
                                       tenancy_retry_after_s(request->tenancy));
        request_end_failed(request, r, request->text[0] ? request->text : error_text(r));
}

static void request_fail_retry_after(Request *request, int r, uint32_t retry_after_s)
{
        /* Without Retry-After from the API: a caller that is not told when would retry at once. */
        if (r == ERROR_RATE_LIMITED && retry_after_s == 0)
                retry_after_s = 1;
        if ((r == ERROR_RATE_LIMITED || r == ERROR_UNREACHABLE) && retry_after_s > 0)
                (void) request_explain(request, r, "%s; retry after %u s", error_text(r),
                                       retry_after_s);
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

/* Only arguments listed here get into audit records. */
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
                                       "Invalid %s: expected 1 to %u bytes of valid text", name,
                                       len_max);
        request_note(request, name, text);
        *ret = text;
        return 0;
}

int request_read_user_id(Request *request, const char **ret)
{
        return request_read_text(request, "user_id", user_id_is_valid, USER_ID_LEN_MAX, ret);
}

int request_read_id(Request *request, const char *name, const char **ret)
{
        return request_read_text(request, name, id_is_valid, PASSKEY_ID_LEN_MAX, ret);
}

int request_read_options(Request *request, const Option *options, size_t n_options)
{
        int r;

        r = options_read(request->message, options, n_options, request->text);
        for (size_t i = 0; r == 0 && i < n_options; i++)
                if (streq(options[i].type, "s"))
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

        unread_add(peer_unread(request->peer), REPLY_BYTES);
        if (r < 0) {
                request_fail(request, r);
                return;
        }
        request->outcome = 0;
        request_free(request);
}

int request_reply_text(Request *request, char type, const char *text)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        r = request_new_reply(request, &reply);
        if (r >= 0)
                r = sd_bus_message_append_basic(reply, type, text);
        if (r < 0)
                return r;
        request_reply(request, reply);
        return 0;
}

/* The reply to Import lists only the refused links. */
static size_t count_links(const Result *result)
{
        size_t n_links = result->links ? result->links->n_links : 0, n = 0;

        if (!result->outcomes)
                return n_links;
        for (size_t i = 0; i < n_links; i++)
                n += result->outcomes[i] != LINK_ADDED && result->outcomes[i] != LINK_PRESENT;
        return n;
}

/* Counts the lists in a reply. */
static void count_lists(Request *request, const Result *result)
{
        size_t n_bytes = count_links(result) * LINK_BYTES +
                         (result->passkeys ? result->passkeys->n_passkeys : 0) * PASSKEY_BYTES;

        if (n_bytes > 0)
                unread_add(peer_unread(request->peer), n_bytes);
}

static int reply_with_result(Request *request, const Result *result, AppendFunc append)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        r = request_new_reply(request, &reply);
        if (r >= 0 && append)
                r = append(reply, result);
        if (r < 0)
                return r;
        count_lists(request, result);
        request_reply(request, reply);
        return 0;
}

void request_end(Request *request, const Result *result, AppendFunc append)
{
        int r = result->r;

        request->call = NULL;
        if (r == 0)
                r = reply_with_result(request, result, append);
        if (r != 0)
                request_fail_retry_after(request, r, result->retry_after_s);
}

void request_on_result(const Result *result, void *userdata)
{
        Request *request = userdata;

        if (result->r == 0 && request->method->has_event)
                request_record(request, request->method->event, NULL);
        request_end(request, result, request->method->append);
}

void request_reply_empty(Request *request)
{
        request_end(request, &(Result){}, NULL);
}

bool request_is_current(const Request *request)
{
        const BusTenancy *object;

        if (!request->tenancy)
                return true;
        object = bus_find_tenancy(request->bus, request->label);
        return object && object->tenancy == request->tenancy;
}
