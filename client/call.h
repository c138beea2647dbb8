/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/queue.h>

#include "client/client.h"
#include "client/options.h"
#include "client/result.h"

#define CALL_STRINGS_MAX 3U

/* A method of the service: its arguments are strings, then perhaps a number, then perhaps options.
 */
typedef struct Method {
        const char *interface;
        const char *member;
        bool of_manager; /* an object of its own; the others are of a tenancy */
        unsigned n_strings;
        bool takes_number;
        bool takes_options;
        bool is_secret;    /* its messages are wiped */
        bool gone_is_done; /* NotFound is success if the call was repeated */
        const ResultType *result;
} Method;

typedef struct Arguments {
        const char *strings[CALL_STRINGS_MAX];
        uint32_t number;
        const passlock_options *options;
} Arguments;

/* Makes a call and waits for it. Returns as a public synchronous call does. */
int call_perform(passlock *client, const Method *method, const Arguments *arguments, Result *ret);

/* Starts a call. Returns as a public start function does. */
int call_begin(passlock *client, const Method *method, const Arguments *arguments,
               Callback callback, void *userdata, passlock_call **ret);

/* How a monitor calls: for as long as it takes, never repeated, and answered at once. */
typedef void (*WatchDone)(int r, const char *path, void *userdata);
int call_begin_watch(passlock *client, const char *label, const Method *method,
                     const Arguments *arguments, bool auto_start, WatchDone done, void *userdata,
                     passlock_call **ret);

/* What the client has all its calls do. */
void calls_on_ready(passlock *client);
void calls_on_failed(passlock *client, int r);
void calls_on_lost(passlock *client);
void calls_on_service(passlock *client);
bool calls_want_bus(passlock *client);
bool calls_deliver_one(passlock *client);
void calls_free(passlock *client);
