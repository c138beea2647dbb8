/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/queue.h>

#include "sandbox/tenancy/mailbox.h"
#include "sandbox/tenancy/rate-limit.h"
#include "sandbox/tenancy/token.h"
#include "sandbox/tenancy/vault.h"

/* An account space of its own: its key, passkeys, tokens and codes mean nothing in another. */
typedef struct Tenancy {
        SLIST_ENTRY(Tenancy) entry;
        char *id;
        bool open; /* has a key; one that only the state file knows is kept, but answers nobody */
        uint8_t key_hash[32];
        Vault vault;
        TokenStore tokens;
        Mailbox mailbox;
        RateLimit challenge_rate; /* not saved */
} Tenancy;

/* [A-Za-z0-9_-]{1,64}: an id is part of a path, where clients do not escape it. */
bool tenancy_id_is_valid(const char *id);

/*
 * Takes the saved members, or NULL. Returns 0 and an owned tenancy without a key, or -EBADMSG if
 * what was saved is not a tenancy.
 */
int tenancy_new(const char *id, json_t *saved, Tenancy **ret);
Tenancy *tenancy_free(Tenancy *tenancy);
DEFINE_CLEANUP(Tenancy *, tenancy_free);

/* Returns the owned members to save. */
json_t *tenancy_save(const Tenancy *tenancy);

/* Opens the tenancy to those who have this key; only its hash is kept. */
void tenancy_set_key(Tenancy *tenancy, const char *key);

/* True if this is the key, found out in constant time. */
bool tenancy_has_key(const Tenancy *tenancy, const char *key);
