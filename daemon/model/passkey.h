/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* A passkey as the API's vault keeps it. Strings are owned. In a list, what is below
 * `last_used_at_ms` is not known: NULL, 0 or false. */
typedef struct Passkey {
        char *id;
        char *user_id;            /* NULL: none, as with passkeys of old */
        char *credential_id;      /* base64url, as the next */
        char *credential_user_id; /* the WebAuthn user handle */
        bool enabled;
        uint64_t created_at_ms;
        uint64_t last_used_at_ms; /* 0: never */

        char *username; /* NULL: there is none that can be shown */
        char *aaguid;
        char *device_type;
        char *public_key; /* COSE_Key, base64url */
        char *rp_id;
        char **transports;
        char *platform_name; /* this and the next: NULL if not known */
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
        size_t n_unreadable;   /* further rows, which could not be read */
        char **unreadable_ids; /* their ids, as far as those could be read; NULL: none */
} PasskeyList;

/* Takes the passkey over, also when it fails. Returns 0 or -ENOMEM. */
int passkey_list_push(PasskeyList *list, Passkey *passkey);
void passkey_list_clear(PasskeyList *list);
