/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "daemon/core/tenancy.h"
#include "daemon/notify.h"

/* Keeps the status line of `systemctl status` up to date: at most once a second, without wake-ups
 * when idle. */
typedef struct Status Status;

/* Returns the text (the caller's), or NULL if out of memory. */
typedef char *(*StatusTextFunc)(void *userdata);

/* Arguments must outlive it. Sends the first text at once. */
int status_new(sd_event *event, Notify *notify, StatusTextFunc text, void *userdata, Status **ret);
Status *status_free(Status *status);
DEFINE_CLEANUP(Status *, status_free);

/* Updates immediately. */
void status_update(Status *status);

/* The text: state and links of the first tenancies, and calls in flight. The caller's; NULL if out
 * of memory. */
char *status_describe(Tenancy *const *tenancies, size_t n_tenancies, size_t n_calls, bool stopping);
