/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/tenancy/fault.h"
#include "sandbox/tenancy/signer.h"
#include "sandbox/tenancy/tenancy.h"

enum { HANDLE_SECRET_LEN = 32 };

/* The state of the process. */
typedef struct Sandbox {
        int64_t clock_offset_ms;
        char *state_path; /* NULL: in memory only */
        bool dirty;       /* unsaved changes */
        Signer *signer;
        uint8_t handle_secret[HANDLE_SECRET_LEN];
        SLIST_HEAD(, Tenancy) tenancies;
        json_t *outbox; /* mail, not saved */
        bool ignore_counters;
        bool tls; /* clients use https */
        RateLimitRule challenge_rate;
        FaultList faults;
        uint64_t n_calls[_ENDPOINT_MAX];
} Sandbox;

/*
 * Restores the state file; starts empty if the file is missing or the path is NULL. Returns 0 and
 * an owned sandbox, -EBADMSG if the file is malformed, or another negative errno. Never writes the
 * file.
 */
int sandbox_new(const char *state_path, Sandbox **ret);
Sandbox *sandbox_free(Sandbox *sandbox);
DEFINE_CLEANUP(Sandbox *, sandbox_free);

/* Saves unsaved changes with fsync. Returns 0 or a negative errno. */
int sandbox_sync(Sandbox *sandbox);

/* Returns the current time with --clock-offset, in milliseconds since the epoch. */
int64_t sandbox_now_ms(const Sandbox *sandbox);

/* Opens a tenancy of the state file, or creates it. */
void sandbox_open_tenancy(Sandbox *sandbox, const char *id, const char *key);

/* Returns an open tenancy, lent, or NULL. */
Tenancy *sandbox_find_tenancy(const Sandbox *sandbox, const char *id);

/* Returns the owned user handle (base64url): an HMAC of tenancy, RP ID and user id. */
char *sandbox_user_handle(const Sandbox *sandbox, const Tenancy *tenancy, const char *rp_id,
                          const char *user_id);
