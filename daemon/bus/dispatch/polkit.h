/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "base/macro.h"

/*
 * A client of polkit: CheckAuthorization on the daemon's own connection, without libpolkit, which
 * brings a GLib main loop. The subject is always a bus connection (system-bus-name), which cannot
 * be taken over by another process, as a pid can.
 *
 * A reply counts only if it comes from the owner of polkit's bus name. Anything but a well-formed
 * yes is a no: polkit is missing, fails, times out or sends nonsense.
 */
typedef struct Polkit Polkit;
typedef struct PolkitCheck PolkitCheck;

/* `bus` must outlive the client, and the client its checks. Returns 0 or a negative errno. */
int polkit_new(sd_bus *bus, Polkit **ret);
Polkit *polkit_free(Polkit *polkit);
DEFINE_CLEANUP(Polkit *, polkit_free);

typedef enum PolkitAnswer {
        POLKIT_NONE, /* no valid reply: not authorized */
        POLKIT_NO,
        POLKIT_CHALLENGE, /* only after authentication */
        POLKIT_YES,
} PolkitAnswer;

typedef struct PolkitQuery {
        const char *unique_name; /* of the subject */
        const char *action;
        const char *const *details; /* names and values in turn, ended by NULL */
        unsigned *n_pending; /* counts the caller's checks in flight; must outlive the check */
        bool interactive;    /* a person may be asked to authenticate, with a longer timeout */
} PolkitQuery;

/* Runs once: never before polkit_check() has returned, never after a cancel. The check is freed. */
typedef void (*PolkitFunc)(PolkitAnswer answer, void *userdata);

/* Starts a check. The query is copied. Returns 0 or a negative errno. */
int polkit_check(Polkit *polkit, const PolkitQuery *query, PolkitFunc func, void *userdata,
                 PolkitCheck **ret);
/* Cancels the check, which closes an open dialog. */
void polkit_check_cancel(PolkitCheck *check);
