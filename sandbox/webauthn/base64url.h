/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/macro.h"

/*
 * Unpadded base64url (RFC 4648, section 5). Decoding is strict: only the canonical encoding is
 * accepted, so that strings can be compared instead of bytes.
 */

/* Returns an owned string. */
char *base64url_encode(const void *data, size_t len);

/*
 * Decodes into an owned buffer, never NULL. Returns 0, or -EINVAL for padding, invalid characters
 * or length, or non-zero spare bits.
 */
int base64url_decode(const char *text, uint8_t **ret_data, size_t *ret_len);
