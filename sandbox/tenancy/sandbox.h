/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/tenancy/fault.h"
#include "sandbox/tenancy/signer.h"
#include "sandbox/tenancy/tenancy.h"

enum { HANDLE_SECRET_LEN = 32 };

/* All that one process serves. */
typedef struct Sandbox {
        int64_t clock_offset_ms;
        char *state_path; /* or NULL: nothing outlives the process */
        bool dirty;       /* something changed that is not on disk */
        Signer *signer;
        uint8_t handle_secret[HANDLE_SECRET_LEN];
        SLIST_HEAD(, Tenancy) tenancies;
        json_t *outbox; /* not saved */
        bool ignore_counters;
        RateLimitRule challenge_rate;
        FaultList faults;
        uint64_t n_calls[_ENDPOINT_MAX];
} Sandbox;

/*
 * Restores what the state file holds, or starts afresh if there is no such file or no path.
 * Returns 0 and an owned sandbox, a negative errno if the file cannot be read, or -EBADMSG if it is
 * not a state file. The file is left as it is in every case.
 */
int sandbox_new(const char *state_path, Sandbox **ret);
Sandbox *sandbox_free(Sandbox *sandbox);
DEFINE_CLEANUP(Sandbox *, sandbox_free);

/* Saves what changed, so that it survives a crash. Returns 0 or a negative errno. */
int sandbox_sync(Sandbox *sandbox);

/* The time that everything goes by, in milliseconds since the epoch. */
int64_t sandbox_now_ms(const Sandbox *sandbox);

/* Opens a tenancy, which is new unless the state file had it. */
void sandbox_open_tenancy(Sandbox *sandbox, const char *id, const char *key);

/* Returns a tenancy that is open, lent, or NULL. */
Tenancy *sandbox_find_tenancy(const Sandbox *sandbox, const char *id);

/*
 * Returns the owned base64url user handle: random to anyone else, but always the same one for a
 * user of a relying party in a tenancy.
 */
char *sandbox_user_handle(const Sandbox *sandbox, const Tenancy *tenancy, const char *rp_id,
                          const char *user_id);
