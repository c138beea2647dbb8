/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "daemon/bus/bus-internal.h"
#include "daemon/bus/bus-options.h"
#include "daemon/bus/question.h"
#include "daemon/core/call.h"

/* Of whom and what it is, as far as the arguments that were read and found valid say; lent by the
 * message. A record has these and no other arguments. */
typedef struct RequestSubject {
        const char *user_id, *authenticator_id, *rp_id, *challenge_id;
} RequestSubject;

/* A method of an interface. */
typedef struct Method {
        unsigned rights;    /* any of these is needed; 0: only root has the right */
        bool for_everybody; /* no right is needed: the answer is about the caller itself */
        bool is_long;       /* many API calls: a stop cancels it, and its caller gets no reply */
        const Question *question; /* for polkit if no grant gives the right; NULL: never asked */
        /* Parses the arguments and starts a call of a use case, or replies at once. Returns as
         * start functions in core/call.h do: 0 or CALL_ANSWERED, or the error to reply with. */
        int (*run)(Request *request, sd_bus_message *message);
} Method;

/*
 * A method call, from when it arrives until it is answered, exactly once. The way of each:
 *
 *   vtable handler -> request_begin() -> who is calling? (the bus driver, once a connection)
 *                  -> is there a grant for the right? or a question to ask? else AccessDenied
 *                  -> are too many of this uid in flight? else LimitsExceeded
 *                  -> without a grant: what does polkit say? anything but yes is AccessDenied
 *                  -> run(): parses the arguments, calls core
 *                  -> request_reply() or request_fail(), maybe later
 */
struct Request {
        Request *next;
        Bus *bus;
        sd_bus_message *message;
        Tenancy *tenancy;   /* NULL: a call to the manager */
        char *label;        /* by which the caller has named it, and grants do */
        Identity *identity; /* NULL until it is known */
        bool counted;       /* among the pending calls of the uid */
        bool authorized;    /* polkit has said yes */
        char text[512];     /* more exactly than its error says, why it fails; or "" */
        Cause cause;        /* for the records of what comes of it */
        RequestSubject subject;
        bool recorded; /* its failure has left a record */
        const Method *method;

        /* What the request waits for, and what is cancelled if the caller disconnects. Both NULL
         * for a call that is carried through regardless. */
        Call *call;
        Asking *asking; /* polkit's answer */
};

/* Begins to serve a method call: every vtable handler returns this. `object` is NULL on the
 * manager. */
int request_begin(Bus *bus, const BusTenancy *object, sd_bus_message *message,
                  const Method *method);
/* The daemon stops: cancels calls that are long. */
void request_cancel_long(Bus *bus);
/* Runs the method after polkit has authorized the request. */
void request_run_authorized(Request *request);

/* Defines method_NAME(), a vtable handler on a tenancy's object that runs run_NAME() for callers
 * with a right. */
#define REQUEST_METHOD(name, right) \
        static int method_##name(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) \
        { \
                static const Method method = {.rights = (right), .run = run_##name}; \
                BusTenancy *object = userdata; \
\
                return request_begin(object->bus, object, m, &method); \
        }

/* The same for a method that polkit may authorize, too: REQUEST_METHOD_ASKING(NAME, right, action,
 * intent, names of arguments…), see question.h. */
#define REQUEST_METHOD_ASKING(name, right, action_, intent_, ...) \
        static int method_##name(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) \
        { \
                static const Question question = { \
                        .action = QUESTION_ACTION(action_), \
                        .intent = (intent_), \
                        .arguments = {__VA_ARGS__}, \
                }; \
                static const Method method = { \
                        .rights = (right), \
                        .question = &question, \
                        .run = run_##name, \
                }; \
                BusTenancy *object = userdata; \
\
                return request_begin(object->bus, object, m, &method); \
        }

/* Says more exactly why the request will fail with r, and returns r. */
_printf_(3, 4) int request_explain(Request *request, int r, const char *format, ...);

/* Read an argument: a text that is_valid() and not longer than `len_max`, or the options. Texts are
 * lent by the message. Return 0, INVALID_ARGS, which they have explained, or a negative errno. */
int request_read_text(Request *request, const char *name, bool (*is_valid)(const char *text),
                      unsigned len_max, const char **ret);
int request_read_options(Request *request, const Option *options, size_t n_options);

/* Whether its label still stands for the tenancy that the call was made to. */
bool request_still_stands(const Request *request);

/* Is there a grant for the request's right and this relying party? 0 or ACCESS_DENIED. */
int request_authorize_rp(const Request *request, const char *rp_id);

/* Leaves a record of what the request has done. */
void request_record(const Request *request, Event event);

/* Appends what a call resulted in to the reply. Returns a negative errno on failure. */
typedef int (*AppendFunc)(sd_bus_message *reply, const Result *result);
/* Ends the request: replies with the result, or with its error. `append` is NULL for a method that
 * returns nothing. */
void request_end(Request *request, const Result *result, AppendFunc append);

/* For methods that answer at once: makes the reply, which request_reply() sends, freeing the
 * request. */
int request_new_reply(Request *request, sd_bus_message **ret);
void request_reply(Request *request, sd_bus_message *reply);
/* For methods that return nothing. */
void request_reply_empty(Request *request);

/* Answers with an Error or a negative errno, and frees the request. */
void request_fail(Request *request, int r);
/* Whether the request ends when its caller disconnects. */
bool request_is_cancellable(const Request *request);
/* Frees a request without a reply, and cancels what it waits for. Returns NULL. */
Request *request_free(Request *request);
