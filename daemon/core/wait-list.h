/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "base/macro.h"

/* A list of callbacks that wait for an event, with a timeout. */
typedef struct WaitList WaitList;

typedef void (*WaitFunc)(void *userdata);

/* Returns 0 or a negative errno. */
int wait_list_new(sd_event *event, uint64_t timeout_ms, WaitList **ret);
/* Does not run the callbacks. */
WaitList *wait_list_free(WaitList *list);
DEFINE_CLEANUP(WaitList *, wait_list_free);

/* Adds a callback, which runs once: on wake-up or after the timeout. Returns 0 or -ENOMEM. */
int wait_list_add(WaitList *list, WaitFunc func, void *userdata);

/* Runs all callbacks. They may free the list, or add callbacks, which then wait. */
void wait_list_wake(WaitList *list);
