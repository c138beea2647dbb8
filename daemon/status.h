/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "daemon/core/tenancy.h"
#include "daemon/notify.h"

/*
 * Keeps the line that `systemctl status` shows up to date: at most once a second, and without
 * waking up while nothing happens.
 */
typedef struct Status Status;

/* Makes the text, which is the caller's; NULL for lack of memory. */
typedef char *(*StatusTextFunc)(void *userdata);

/* What is passed is lent, and outlives it. The first text is sent at once. */
int status_new(sd_event *event, Notify *notify, StatusTextFunc text, void *userdata, Status **ret);
Status *status_free(Status *status);
DEFINE_CLEANUP(Status *, status_free);

/* Says how it is now, whenever that was done last. */
void status_update(Status *status);

/* The text: the tenancies with their state and links, up to a few; the calls in flight. The
 * caller's; NULL for lack of memory. */
char *status_describe(Tenancy *const *tenancies, size_t n_tenancies, size_t n_calls, bool stopping);
