/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* A passkey in the API's vault. Strings are owned. In lists, fields below `last_used_at_ms` are
 * unset. */
typedef struct Passkey {
        char *id;
        char *user_id;            /* NULL: none, in old passkeys */
        char *credential_id;      /* base64url, like the next */
        char *credential_user_id; /* the WebAuthn user handle */
        bool enabled;
        uint64_t created_at_ms;
        uint64_t last_used_at_ms; /* 0: never */

        char *username; /* NULL: missing or invalid text */
        char *aaguid;
        char *device_type;
        char *public_key; /* COSE_Key, base64url */
        char *rp_id;
        char **transports;
        char *platform_name; /* this and the next: NULL if unknown */
        char *platform_icon;
        bool backed_up;
        uint64_t counter;
        uint64_t updated_at_ms;
} Passkey;

Passkey *passkey_new(void);
Passkey *passkey_free(Passkey *passkey);
DEFINE_CLEANUP(Passkey *, passkey_free);

/* An array that owns its passkeys. Zero-initialised it is empty. */
typedef struct PasskeyList {
        Passkey **passkeys;
        size_t n_passkeys;
        size_t n_unreadable;   /* rows that could not be parsed */
        char **unreadable_ids; /* their ids, where readable; NULL: none */
} PasskeyList;

/* Takes ownership of the passkey, also on failure. Returns 0 or -ENOMEM. */
int passkey_list_push(PasskeyList *list, Passkey *passkey);
void passkey_list_clear(PasskeyList *list);
