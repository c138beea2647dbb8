/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/webauthn/ceremony.h"

/*
 * A passkey is the JSON object that the API shows and the state file holds: there is one shape, and
 * nothing to keep in step with it.
 */

/* For whom a passkey is. Borrowed strings. */
typedef struct PasskeyOwner {
        const char *rp_id;
        const char *user_id;
        const char *username;
        const char *user_handle; /* base64url */
} PasskeyOwner;

/* Returns a new, owned passkey. */
json_t *passkey_new(const char *id, const PasskeyOwner *owner, const Credential *credential,
                    int64_t now_ms);

/* True if this is a whole passkey, with every member of the right type. */
bool passkey_is_valid(json_t *passkey);

/* Returns an owned PasskeySummary. */
json_t *passkey_summary(const json_t *passkey);

/* Returns the owned PublicKeyCredentialDescriptorJSON, as browsers are told of a credential. */
json_t *passkey_descriptor(const json_t *passkey);

/* Notes a successful authentication. */
void passkey_use(json_t *passkey, const Assertion *assertion, int64_t now_ms);

/* Gives it another username. */
void passkey_rename(json_t *passkey, const char *username, int64_t now_ms);

/* Lent by the passkey. */
const char *passkey_id(const json_t *passkey);
const char *passkey_credential_id(const json_t *passkey);
const char *passkey_public_key(const json_t *passkey);
PasskeyOwner passkey_owner(const json_t *passkey);

bool passkey_is_enabled(const json_t *passkey);
bool passkey_is_backup_eligible(const json_t *passkey);
uint32_t passkey_counter(const json_t *passkey);
