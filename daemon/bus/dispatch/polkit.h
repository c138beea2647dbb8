/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "base/macro.h"

/*
 * polkit: whether a person may act as an administrator, for which it may ask for a password. It is
 * asked on our own connection, without a library, and about a connection to the bus only: that
 * cannot be taken over by somebody else in the meantime, as a process id can.
 *
 * Only the owner of polkit's bus name answers; the bus's policy says who may be that. Whatever is
 * not his clear yes is a no: polkit is not there, fails, does not answer in time or nonsensically.
 */
typedef struct Polkit Polkit;
typedef struct PolkitCheck PolkitCheck;

/* `bus` must outlive this, and this its checks. Returns 0 or a negative errno. */
int polkit_new(sd_bus *bus, Polkit **ret);
Polkit *polkit_free(Polkit *polkit);
DEFINE_CLEANUP(Polkit *, polkit_free);

typedef enum PolkitAnswer {
        POLKIT_NONE, /* none that counts: as good as a no */
        POLKIT_NO,
        POLKIT_CHALLENGE, /* not as it is; to be had by authenticating */
        POLKIT_YES,
} PolkitAnswer;

typedef struct PolkitQuery {
        const char *unique_name; /* whom it is about */
        const char *action;
        const char *const *details; /* names and values in turn, ended by NULL */
        bool interactive;           /* he may be asked to authenticate, and gets time for it */
} PolkitQuery;

/* Called once, not before polkit_check() has returned, and not after a cancel. The check is gone
 * then. */
typedef void (*PolkitFunc)(PolkitAnswer answer, void *userdata);

/* Asks. What the query has is copied. Returns 0 or a negative errno. */
int polkit_check(Polkit *polkit, const PolkitQuery *query, PolkitFunc func, void *userdata,
                 PolkitCheck **ret);
/* Takes the question back; a dialog that is open closes. */
void polkit_check_cancel(PolkitCheck *check);
