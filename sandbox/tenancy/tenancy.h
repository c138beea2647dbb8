/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/queue.h>

#include "sandbox/tenancy/mailbox.h"
#include "sandbox/tenancy/rate-limit.h"
#include "sandbox/tenancy/token.h"
#include "sandbox/tenancy/vault.h"

/* A tenancy: an isolated namespace of passkeys, tokens and challenges, with its own API key. */
typedef struct Tenancy {
        SLIST_ENTRY(Tenancy) entry;
        char *id;
        bool open; /* false: in the state file but not on the command line; saved, not served */
        uint8_t key_hash[32];
        Vault vault;
        TokenStore tokens;
        Mailbox mailbox;
        RateLimit challenge_rate; /* not saved */
} Tenancy;

/* [A-Za-z0-9_-]{1,64}: clients put the id into paths without escaping. */
bool tenancy_id_is_valid(const char *id);

/*
 * Restores a saved tenancy; NULL: creates an empty one. Returns 0 and an owned tenancy without API
 * key, or -EBADMSG if malformed.
 */
int tenancy_new(const char *id, json_t *saved, Tenancy **ret);
Tenancy *tenancy_free(Tenancy *tenancy);
DEFINE_CLEANUP(Tenancy *, tenancy_free);

/* Returns the JSON to save, owned. */
json_t *tenancy_save(const Tenancy *tenancy);

/* Opens the tenancy with this API key; only the hash is kept. */
void tenancy_set_key(Tenancy *tenancy, const char *key);

/* Compares the API key in constant time. */
bool tenancy_has_key(const Tenancy *tenancy, const char *key);
