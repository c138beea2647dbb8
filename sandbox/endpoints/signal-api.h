/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/tenancy/passkey.h"

/*
 * What a page tells the device about passkeys. Each function takes an array of passkeys and returns
 * an owned array of instructions, which do not change with the vault any more.
 */

/* The account's new names: one for each relying party and user handle. */
json_t *signal_api_user_details(const json_t *passkeys, const char *username,
                                const char *display_name);

/* What is gone: one for each passkey. */
json_t *signal_api_unknown_credentials(const json_t *passkeys);

/* All that is good: one for each relying party and user handle. Those disabled are left out. */
json_t *signal_api_accepted_credentials(const json_t *passkeys);
