/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "base/macro.h"

/* Functions that wait for an event, but not longer than a timeout. */
typedef struct WaitList WaitList;

typedef void (*WaitFunc)(void *userdata);

/* Returns 0 or a negative errno. */
int wait_list_new(sd_event *event, uint64_t timeout_ms, WaitList **ret);
/* Does not run the functions that wait. */
WaitList *wait_list_free(WaitList *list);
DEFINE_CLEANUP(WaitList *, wait_list_free);

/* The function runs once, when the list is woken up or after the timeout. Returns 0 or -ENOMEM. */
int wait_list_add(WaitList *list, WaitFunc func, void *userdata);

/* Runs all functions. They may add others, which wait, and free the list. */
void wait_list_wake(WaitList *list);
