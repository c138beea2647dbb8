/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <limits.h>

#include "daemon/core/tenancy.h"
#include "daemon/model/principal.h"

/*
 * Says who an id_token speaks of, by the tenancy's key set. The set is fetched when it is first
 * needed, and kept: after a while the next use has it fetched anew beside, and goes by the old one
 * until then, so that tokens are verified while the API is down. A key that the set does not have
 * has it fetched again, but not more often than every 30 seconds.
 */

/* What identify_now() returns if the key set has to be fetched first. */
#define IDENTIFY_WAIT INT_MAX

/* The answer if it can be had at once: 0, INVALID_TOKEN or USER_MISMATCH. `user_id` is the only
 * acceptable one, or NULL. */
int identify_now(Tenancy *tenancy, const char *id_token, const char *user_id, Principal **ret);

/* r as above, or why there is no key set; the principal is lent. */
typedef void (*IdentifyFunc)(int r, const Principal *principal, void *userdata);

typedef struct Identify Identify;

/* After IDENTIFY_WAIT: waits for the key set. Copies its arguments. The function runs once, never
 * before this returns nor after identify_cancel(). Returns 0 or a negative errno. */
int identify_start(Tenancy *tenancy, const char *id_token, const char *user_id, IdentifyFunc func,
                   void *userdata, Identify **ret);
/* NULL is fine. Returns NULL. */
Identify *identify_cancel(Identify *identify);
DEFINE_CLEANUP(Identify *, identify_cancel);
