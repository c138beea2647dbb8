/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

#include "base/macro.h"
#include "dbus/event.h"

/*
 * Records of what happened: to the journal with the fields of dbus/event.h if standard error goes
 * there, else a line on standard error that says the same. Each change of state leaves one, and so
 * does each call that fails, within limits that are the caller's to keep (bus/request.c).
 *
 * Nothing secret is ever passed here: not a key, token, code or id_token.
 */

/* Who called. It is copied along with what goes on after the call has ended. */
typedef struct AuditOrigin {
        bool has_uid; /* it is known who */
        uid_t uid;
        const char *decided_by; /* what let him, or did not: static; NULL: nothing did */
        char method[32];        /* "": nobody called, the daemon acts by itself */
        uint64_t begun_at_us;   /* when the call came, by monotonic_us() */
} AuditOrigin;

typedef struct AuditCount {
        const char *field; /* NULL after the last */
        uint64_t value;
} AuditCount;

/* What is NULL or 0 does not appear. All is lent for the call. */
typedef struct Audit {
        Event event;
        const AuditOrigin *origin;
        const char *sender; /* the connection, where the uid is not known */
        const char *tenancy, *user_id, *authenticator_id, *rp_id, *challenge_id;
        int error;        /* an Error or a negative errno */
        const char *text; /* more, for people */
        AuditCount counts[6];
} Audit;

/* audit(EVENT_LINK_ADDED, .tenancy = label, …): never waits, and never fails for who calls it. */
#define audit(...) audit_write(&(const Audit){__VA_ARGS__})
void audit_write(const Audit *audit);

/* False while the journal is behind by so much that records of changes may soon be lost. While it
 * is true there is room for AUDIT_ROOM more. */
#define AUDIT_ROOM 2048U
bool audit_has_room(void);

/* How many records the journal has taken so far. */
uint64_t audit_n_sent(void);

/*
 * From here on records go to the journal, if that is where standard error goes; by a thread, so all
 * signals that are not its must be blocked. Returns 0 or a negative errno.
 */
int audit_open(void);
/* Waits for the journal to take what is left, but not for long. */
void audit_close(void);
