/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

#include "base/macro.h"
#include "dbus/event.h"

/*
 * Audit records: structured journal entries with the fields of dbus/event.h if standard error is
 * the journal, else text lines. Each change of state and each failed call leaves one;
 * bus/dispatch/request.c limits the rate of failed calls.
 *
 * Never pass secrets: keys, tokens, codes, id_tokens.
 */

/* The caller that caused an event. Copied into operations that outlive the call. */
typedef struct AuditOrigin {
        bool has_uid; /* `uid` is known */
        uid_t uid;
        const char
                *decided_by; /* source of the authorization decision, a static string; NULL: none */
        const char *right; /* required by the method, a word of Allow=, static; NULL: none or any */
        char method[32];   /* "": no call, the daemon itself */
        uint64_t begun_at_us; /* arrival of the call, by monotonic_us() */
} AuditOrigin;

typedef struct AuditCount {
        const char *field; /* NULL after the last */
        uint64_t value;
} AuditCount;

/* An audit record. Fields that are NULL or 0 are omitted. All pointers are lent. */
typedef struct Audit {
        Event event;
        const AuditOrigin *origin;
        const char *sender; /* the caller's connection, if the uid is unknown */
        const char *tenancy, *user_id, *authenticator_id, *rp_id, *challenge_id;
        int error;        /* an Error or a negative errno */
        const char *text; /* additional text */
        AuditCount counts[6];
} Audit;

/* audit(EVENT_LINK_ADDED, .tenancy = label, …): never blocks, never fails. */
#define audit(...) audit_write(&(const Audit){__VA_ARGS__})
void audit_write(const Audit *audit);

/* Back-pressure: false while the queue is so full that records of changes may be dropped. If true,
 * the queue has space for AUDIT_ROOM records. */
#define AUDIT_ROOM 2048U
bool audit_has_room(void);

/* Number of records sent to the journal. */
uint64_t audit_n_sent(void);

/* Starts the journal thread if standard error is the journal. Signals must be blocked before.
 * Returns 0 or a negative errno. */
int audit_open(void);
/* Flushes the queue, with a timeout. */
void audit_close(void);
