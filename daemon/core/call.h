/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <limits.h>

#include "daemon/core/tenancy.h"
#include "daemon/model/result.h"

struct Api;
struct ApiCall;

/*
 * An asynchronous call of a use case: one bus request makes one of these, and this makes API calls.
 * Each start function returns
 *   0              the call is in flight: its function will run, unless the call is cancelled
 * first, CALL_ANSWERED  the function has run already, anything else  the call failed to start (an
 * Error or a negative errno): the function never runs. A start function without a Call **ret makes
 * a call that cannot be cancelled: it is carried through even if its caller disconnects.
 *
 * Use cases with more state embed a Call as their first member.
 */
typedef struct Call {
        Tenancy *tenancy;         /* referenced; NULL if the use case needs none */
        struct Api *api;          /* referenced; NULL if the use case needs none */
        struct ApiCall *api_call; /* in flight, or NULL */
        ResultFunc func;
        void *userdata;
        void (*destroy)(struct Call *call); /* frees the members behind this struct; may be NULL */
        void (*cancel)(struct Call *call);  /* if a cancelled call has to wait before call_free() */
} Call;

#define CALL_ANSWERED INT_MAX

/*
 * Allocates `size` zeroed bytes that begin with a Call, which holds the tenancy and its current
 * Api. Returns 0, -ENOMEM or NOT_CONFIGURED.
 */
int call_new(size_t size, Tenancy *tenancy, ResultFunc func, void *userdata, void *ret);
/* The same for a use case that needs no API key, or no tenancy (NULL). Never returns
 * NOT_CONFIGURED. */
int call_new_without_api(size_t size, Tenancy *tenancy, ResultFunc func, void *userdata, void *ret);

/* Cancels and frees the call: its function does not run. NULL is fine. Returns NULL. */
Call *call_cancel(Call *call);
DEFINE_CLEANUP(Call *, call_cancel);

void call_free(Call *call);

/* Runs the function, then frees the call. */
void call_end(Call *call, const Result *result);
/* The same as a ResultFunc of an API call whose userdata is the Call. */
void call_on_result(const Result *result, void *userdata);

/* Ends a start function: passes the call to the caller if r is 0, frees it otherwise. `ret` is NULL
 * for a call that cannot be cancelled. Returns r. */
int call_started(Call *call, int r, Call **ret);
