/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/webauthn/ceremony.h"

/* A passkey is a JSON object, the same in the API and in the state file. */

/* The account of a passkey. Borrowed strings. */
typedef struct PasskeyOwner {
        const char *rp_id;
        const char *user_id;
        const char *username;
        const char *user_handle; /* base64url */
} PasskeyOwner;

/* Returns a new, owned passkey. */
json_t *passkey_new(const char *id, const PasskeyOwner *owner, const Credential *credential,
                    int64_t now_ms);

/* Returns true if all members are present, with the right types. */
bool passkey_is_valid(json_t *passkey);

/* Returns an owned PasskeySummary. */
json_t *passkey_summary(const json_t *passkey);

/* Returns an owned PublicKeyCredentialDescriptorJSON. */
json_t *passkey_descriptor(const json_t *passkey);

/* Updates counter, backup state and time after an authentication. */
void passkey_use(json_t *passkey, const Assertion *assertion, int64_t now_ms);

/* Changes the username. */
void passkey_rename(json_t *passkey, const char *username, int64_t now_ms);

/* Lent by the passkey. */
const char *passkey_id(const json_t *passkey);
const char *passkey_credential_id(const json_t *passkey);
const char *passkey_public_key(const json_t *passkey);
PasskeyOwner passkey_owner(const json_t *passkey);

bool passkey_is_enabled(const json_t *passkey);
bool passkey_is_backup_eligible(const json_t *passkey);
uint32_t passkey_counter(const json_t *passkey);
