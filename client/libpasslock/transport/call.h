/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/queue.h>

#include "client/libpasslock/transport/client.h"
#include "client/libpasslock/types/link.h"
#include "client/libpasslock/types/options.h"
#include "client/libpasslock/types/result.h"

#define CALL_STRINGS_MAX 3U

/* A method of the service: its arguments are strings, then perhaps a number, a list, links,
 * options. */
typedef struct Method {
        const char *interface;
        const char *member;
        bool of_manager; /* an object of its own; the others are of a tenancy */
        unsigned n_strings;
        bool takes_number;
        bool takes_list;
        bool takes_links;
        bool takes_options;
        bool is_sensitive;         /* its messages are wiped */
        bool no_retry;             /* cut off, it is not repeated */
        bool is_long_running;      /* see long-call.h */
        bool not_found_is_success; /* NotFound is success if the call was repeated */
        const ResultType *result;
} Method;

typedef struct Arguments {
        const char *strings[CALL_STRINGS_MAX];
        uint32_t number;
        const char *const *list;
        passlock_link *const *links;
        const passlock_options *options;
} Arguments;

/*
 * The life of a call:
 *
 *      WAITING ──bus, and its turn──▶ SENT ──answered──▶ FINISHED ──▶ DELIVERING
 *        ▲  ▲                         │  │
 *        │  └──────── cut off ────────┘  └─ not there ─▶ WAITING_FOR_SERVICE
 *        └────────────────── owner, or bus lost ─────────────────┘
 *
 * A call that finds no bus or no service at its first try fails with that at once. Only a
 * waits_for_service one waits: it was cut off, or it had to wait for its turn when others were. A
 * second cut ends a call, and the first one a call that must not be repeated; its deadline ends it
 * anywhere.
 *
 * A call to the default tenancy that does not know its object asks for that first, while SENT. If
 * that is refused, a call for which somebody may authenticate goes to the tenancy labelled default:
 * he does so once, and not for the question. All later ones go there, too, so that what takes many
 * calls has to do with one tenancy.
 */
typedef enum CallState {
        CALL_WAITING,
        CALL_SENT,
        CALL_WAITING_FOR_SERVICE,
        CALL_FINISHED,
        CALL_DELIVERING,
} CallState;

/* How a monitor is told the end of its call. The call is gone afterwards. */
typedef void (*WatchCallback)(int r, const char *path, void *userdata);

/* How far a long call has come; one that was not told yet is replaced by the next. */
typedef struct Progress {
        bool due;
        uint64_t checked;
        uint64_t links;
        passlock_reconcile_progress_callback callback; /* NULL: nobody wants to know */
} Progress;

struct passlock_call {
        TAILQ_ENTRY(passlock_call) entry; /* of one of the client's lists */
        passlock *client;
        Connection *connection; /* the client's; of a long call its own */
        const Method *method;
        char *strings[CALL_STRINGS_MAX];
        uint32_t number;
        char **list;
        passlock_link **links;
        passlock_options *options;
        char *label; /* NULL: the default tenancy */
        char *path;  /* the object called; NULL: not known yet */

        CallState state;
        bool waits_for_service;
        bool retried;        /* was, once */
        bool path_refreshed; /* for the default tenancy, since what we knew was wrong */
        bool no_auto_start;
        bool interactive;
        sd_bus_slot *slot;
        sd_event_source *deadline; /* NULL: none */
        Progress progress;

        int r;
        char *error_text;
        Result result;

        Callback callback;            /* of an asynchronous call */
        WatchCallback watch_callback; /* of a monitor's */
        void *userdata;
};

/*
 * A call that waits, with copies of its arguments. `label` is NULL for the default tenancy. Returns
 * 0, -ENOMEM, -EINVAL for a missing argument, or PASSLOCK_ERROR_INVALID_ARGS.
 */
int call_new(passlock *client, const char *label, const Method *method, const Arguments *arguments,
             passlock_call **ret);
passlock_call *call_free(passlock_call *call);
DEFINE_CLEANUP(passlock_call *, call_free);

void call_set_state(passlock_call *call, CallState state);

/* From now, also if it has one already. Returns 0 or a negative errno. */
int call_set_deadline(passlock_call *call, uint32_t timeout_ms);

/* Sends a call if there is a bus and it is its turn. Returns 0 or a negative errno. */
int call_send(passlock_call *call);

/* Ends a call: it waits to be handed out, or the monitor is told. */
void call_complete(passlock_call *call, int r, const char *error_text);
