/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/tenancy/passkey.h"

/*
 * Instructions for the WebAuthn Signal API, by which a page updates the credential manager. Each
 * function takes an array of passkeys and returns an owned array, a snapshot of the vault.
 */

/* signalCurrentUserDetails(): one instruction per RP ID and user handle. */
json_t *signal_api_user_details(const json_t *passkeys, const char *username,
                                const char *display_name);

/* signalUnknownCredential(): one instruction per passkey. */
json_t *signal_api_unknown_credentials(const json_t *passkeys);

/*
 * signalAllAcceptedCredentials(): one instruction per RP ID and user handle, without disabled
 * passkeys.
 */
json_t *signal_api_accepted_credentials(const json_t *passkeys);
