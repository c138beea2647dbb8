/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/queue.h>

#include "client/libpasslock/transport/client.h"
#include "client/libpasslock/types/link.h"
#include "client/libpasslock/types/options.h"
#include "client/libpasslock/types/result.h"

#define CALL_STRINGS_MAX 3U

typedef enum MethodFlags {
        OF_MANAGER = 1 << 0, /* called on the Manager object instead of a tenancy */
        TAKES_NUMBER = 1 << 1,
        TAKES_LIST = 1 << 2,
        TAKES_LINKS = 1 << 3,
        TAKES_OPTIONS = 1 << 4,
        SENSITIVE = 1 << 5,            /* messages are erased, see sd_bus_message_sensitive(3) */
        NO_RETRY = 1 << 6,             /* not idempotent */
        LONG_RUNNING = 1 << 7,         /* see long_running_call_connection_new() */
        NOT_FOUND_IS_SUCCESS = 1 << 8, /* on a retry */
} MethodFlags;

/* A D-Bus method. Arguments: strings, then optionally a number, a list, links, options. */
typedef struct Method {
        const char *interface;
        const char *member;
        const ResultType *result;
        unsigned n_strings;
        MethodFlags flags;
} Method;

typedef struct Arguments {
        const char *strings[CALL_STRINGS_MAX];
        uint32_t number;
        const char *const *list;
        passlock_link *const *links;
        const passlock_options *options;
        /* Instead of all others: appends the arguments, whenever the call is sent. `userdata` is
         * that of the call. Returns 0 or a negative errno. */
        int (*append)(sd_bus_message *m, void *userdata);
} Arguments;

/*
 * States of a call:
 *
 *     WAITING ──bus ready, send slot free──▶ SENT ──reply──▶ FINISHED ──▶ DELIVERING
 *       ▲  ▲                                  │  │
 *       │  └───────── connection lost ────────┘  └─ no owner ─▶ WAITING_FOR_SERVICE
 *       └───────────── owner appeared, or bus lost ─────────────────────────┘
 *
 * If the bus or the service is missing, a call fails at once, unless it has waits_for_service: the
 * connection was lost while the call was sent or queued. A call fails with its second lost
 * connection, or with the first one if it must not be retried. The deadline applies in every state.
 *
 * A call to the default tenancy with an unknown object path first sends GetTenancy, in state SENT.
 * If GetTenancy is denied, an interactive call goes to the tenancy labelled "default", so that
 * polkit asks for one password only. Later calls of the client do the same, so that a sequence of
 * calls uses one tenancy.
 */
typedef enum CallState {
        CALL_WAITING,
        CALL_SENT,
        CALL_WAITING_FOR_SERVICE,
        CALL_FINISHED,
        CALL_DELIVERING,
} CallState;

/* Completion callback of a monitor's call, which is freed afterwards. */
typedef void (*WatchCallback)(int r, const char *path, void *userdata);

/* Progress of a reconciliation; only the latest is delivered. */
typedef struct Progress {
        bool due;
        uint64_t checked;
        uint64_t links;
        passlock_reconcile_progress_callback callback; /* may be NULL */
} Progress;

struct passlock_call {
        TAILQ_ENTRY(passlock_call) entry; /* in one of the client's lists */
        passlock *client;
        Connection *connection; /* the client's, or dedicated to a long-running call */
        const Method *method;
        char *strings[CALL_STRINGS_MAX];
        uint32_t number;
        char **list;
        passlock_link **links;
        passlock_options *options;
        int (*append)(sd_bus_message *m, void *userdata); /* NULL: the arguments above */
        char *label;                                      /* NULL: the default tenancy */
        char *path;                                       /* object path; NULL: unknown */

        CallState state;
        bool waits_for_service;
        bool retried;        /* after a lost connection */
        bool path_refreshed; /* the cached default tenancy was stale */
        bool no_auto_start;
        bool interactive;
        sd_bus_slot *slot;
        sd_event_source *deadline; /* NULL: no deadline */
        Progress progress;

        int r;
        char *error_text;
        Result result;

        Callback callback;            /* of an asynchronous call */
        WatchCallback watch_callback; /* of a monitor's call */
        void *userdata;
};

/*
 * Creates a queued call with copies of its arguments. `label` is NULL for the default tenancy.
 * Returns 0, -ENOMEM, -EINVAL for a missing argument, or PASSLOCK_ERROR_INVALID_ARGS.
 */
int call_new(passlock *client, const char *label, const Method *method, const Arguments *arguments,
             passlock_call **ret);
passlock_call *call_free(passlock_call *call);
DEFINE_CLEANUP(passlock_call *, call_free);

void call_set_state(passlock_call *call, CallState state);

/* Sets or replaces the deadline, relative to now. Returns 0 or a negative errno. */
int call_set_deadline(passlock_call *call, uint32_t timeout_ms);

/* Sends a call if the bus is ready and a send slot is free. Returns 0 or a negative errno. */
int call_send(passlock_call *call);

/* Completes a call: queues it for delivery, or calls the monitor. */
void call_complete(passlock_call *call, int r, const char *error_text);

/*
 * The connection of a call without a default deadline, with progress reports, and never retried.
 *
 * The service aborts the work when the caller's connection closes; there is no other way to cancel
 * it. A dedicated connection lets the client cancel one call and nothing else.
 */
int long_running_call_connection_new(passlock_call *call, Connection **ret);
