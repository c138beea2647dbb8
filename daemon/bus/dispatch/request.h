/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "daemon/bus/dispatch/bus-state.h"
#include "daemon/bus/dispatch/option.h"
#include "daemon/bus/dispatch/question.h"
#include "daemon/core/call.h"

/* Appends the result of a call to the reply. Returns a negative errno on failure. */
typedef int (*AppendFunc)(sd_bus_message *reply, const Result *result);

/* A method of an interface. */
typedef struct Method {
        unsigned rights;          /* any of these is needed; 0: only root has the right */
        bool for_everybody;       /* no right is needed: the answer is about the caller itself */
        bool has_rp;              /* run() calls dispatch_authorize_rp() */
        bool applies;             /* changes, by an option of a method that has a dry run */
        bool is_bulk;             /* many links a call: waits while single calls do */
        bool is_long;             /* takes more than one API call: a stop cancels it, unanswered */
        const Question *question; /* for polkit if no grant gives the right; NULL: never asked */
        /* Parses the arguments and starts a call of a use case, or replies at once. Returns as
         * start functions in core/call.h do: 0 or CALL_ANSWERED, or the error to reply with. */
        int (*run)(Request *request, sd_bus_message *message);
        /* For request_on_result(): */
        AppendFunc append; /* NULL: the method returns nothing */
        bool has_event;
        Event event; /* the audit record of a success */
} Method;

/* The arguments that audit records have, as far as they were read and valid; lent by the message.
 */
typedef struct RequestSubject {
        const char *user_id, *authenticator_id, *rp_id, *challenge_id;
} RequestSubject;

/* A method call, from its arrival to its reply. See dispatch.h for the steps. */
struct Request {
        LIST_ENTRY(Request) entry;
        Bus *bus;
        sd_bus_message *message;
        Tenancy *tenancy;   /* NULL: a call to the manager */
        char *label;        /* of the tenancy, in the call and in grants */
        Peer *peer;         /* NULL until it is known */
        bool counted;       /* against the quota of the uid */
        Turn turn;          /* waiting to be run */
        bool has_slot;      /* of the API, see api-slots.h */
        bool authorized;    /* by polkit */
        unsigned source;    /* of the authorization, see call-counts.h */
        int outcome;        /* of the reply, for metrics; -ECANCELED without one */
        char text[512];     /* explains the error; "": nothing to add */
        AuditOrigin origin; /* for the audit records of its changes */
        RequestSubject subject;
        bool recorded; /* its failure is in the audit log already */
        const Method *method;

        /* The call or authorization that the request waits for, cancelled if the caller
         * disconnects. NULL: not cancellable. */
        Call *call;
};

/* Begins a request. `object` is NULL on the manager. Returns 0 or -ENOMEM. */
int request_new(Bus *bus, const BusTenancy *object, sd_bus_message *message, const Method *method,
                Request **ret);

/* Explains the error r that the request will fail with, and returns r. */
_printf_(3, 4) int request_explain(Request *request, int r, const char *format, ...);

/* Read an argument: a string that is_valid(), of `len_max` bytes at most, or the options. Strings
 * are lent by the message. Return 0, INVALID_ARGS with an explanation, or a negative errno. */
int request_read_text(Request *request, const char *name, bool (*is_valid)(const char *text),
                      unsigned len_max, const char **ret);
int request_read_user_id(Request *request, const char **ret);
/* Reads the id of a passkey or a challenge. */
int request_read_id(Request *request, const char *name, const char **ret);
int request_read_options(Request *request, const Option *options, size_t n_options);

/* Whether the label still stands for the tenancy that was called. */
bool request_is_current(const Request *request);

/* Leaves an audit record of a success; `text` NULL: nothing to add. */
void request_record(const Request *request, Event event, const char *text);

/* Ends the request: replies with the result, or with its error. `append` is NULL for a method that
 * returns nothing. */
void request_end(Request *request, const Result *result, AppendFunc append);
/* The usual ResultFunc, whose userdata is the request: ends it as its Method says. */
void request_on_result(const Result *result, void *userdata);

/* For methods that answer at once: makes the reply, which request_reply() sends, freeing the
 * request. */
int request_new_reply(Request *request, sd_bus_message **ret);
void request_reply(Request *request, sd_bus_message *reply);
/* Replies with one string ('s') or object path ('o'). Returns 0 or a negative errno. */
int request_reply_text(Request *request, char type, const char *text);
/* For methods that return nothing. */
void request_reply_empty(Request *request);

/* Answers with an Error or a negative errno, and frees the request. */
void request_fail(Request *request, int r);
/* Frees a request without a reply, and cancels its call. Returns NULL. */
Request *request_free(Request *request);
