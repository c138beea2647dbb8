/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "daemon/bus/bus-internal.h"
#include "daemon/bus/bus-options.h"
#include "daemon/bus/question.h"

/* Of whom and what it is, as far as the arguments that were read and found valid say; lent by the
 * message. A record has these and no other arguments. */
typedef struct RequestSubject {
        const char *user_id, *authenticator_id, *rp_id, *challenge_id;
} RequestSubject;

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
        Tenancy *tenancy;         /* NULL: a call to the manager */
        char *label;              /* by which the caller has named it, and grants do */
        unsigned rights;          /* any of these is needed; 0: only root has what is needed */
        bool for_everybody;       /* nothing is needed: the answer is about the caller itself */
        const Question *question; /* to ask if the right is not granted; NULL: it is for apps */
        Identity *identity;       /* NULL until it is known */
        bool counted;             /* among the pending calls of the uid */
        bool authorized;          /* polkit has said yes */
        char text[512];           /* more exactly than its error says, why it fails; or "" */
        AuditOrigin origin;       /* for the records of what comes of it */
        RequestSubject subject;
        bool recorded; /* its failure has left a record */
        int (*run)(Request *request, sd_bus_message *message);

        /* What polkit or core is doing for it, and how to call that off if the caller goes. Both
         * NULL for what is carried through whoever is there to hear of it. */
        void *operation;
        void (*cancel)(void *operation);
};

/*
 * Begins to serve a method call: what every vtable handler returns. `object` is NULL on the
 * manager. run() returns 0 if it has replied, or will; anything else is the failure to answer with.
 */
int request_begin(Bus *bus, const BusTenancy *object, sd_bus_message *message, unsigned rights,
                  const Question *question, int (*run)(Request *request, sd_bus_message *message));
/* The same on the manager, for a method that everybody may call. */
int request_begin_for_everybody(Bus *bus, sd_bus_message *message,
                                int (*run)(Request *request, sd_bus_message *message));
/* What becomes of a request when polkit has said yes. */
void request_run_authorized(Request *request);

/* Defines method_NAME(), a vtable handler on a tenancy's object: says which right is needed for
 * run_NAME(). */
#define REQUEST_METHOD(name, right) \
        static int method_##name(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) \
        { \
                BusTenancy *object = userdata; \
\
                return request_begin(object->bus, object, m, (right), NULL, run_##name); \
        }

/* The same for a method that is for people, too: REQUEST_METHOD_ASKING(NAME, right, action, intent,
 * names of arguments…), see question.h. */
#define REQUEST_METHOD_ASKING(name, right, action_, intent_, ...) \
        static int method_##name(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) \
        { \
                static const Question question = { \
                        .action = QUESTION_ACTION(action_), \
                        .intent = (intent_), \
                        .arguments = {__VA_ARGS__}, \
                }; \
                BusTenancy *object = userdata; \
\
                return request_begin(object->bus, object, m, (right), &question, run_##name); \
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

/* A reply to fill in; request_reply() sends it and frees the request. */
int request_new_reply(Request *request, sd_bus_message **ret);
void request_reply(Request *request, sd_bus_message *reply);
/* The end of most: replies, or fails with r if that is an Error or negative. */
void request_finish(Request *request, int r, uint32_t retry_after_s, sd_bus_message *reply);
/* For methods that return nothing. */
void request_reply_empty(Request *request);

/* Answers with an Error or a negative errno, and frees the request. */
void request_fail(Request *request, int r);
/* The same; RATE_LIMITED says after how many seconds to try again. */
void request_fail_retry_after(Request *request, int r, uint32_t retry_after_s);
/* Frees a request unanswered; its operation is called off if it can be. Returns NULL. */
Request *request_free(Request *request);
