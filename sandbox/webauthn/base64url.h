/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/macro.h"

/*
 * Unpadded base64url (RFC 4648, section 5). Decoding is strict: every byte string has exactly one
 * accepted spelling, so equal strings and equal bytes are the same thing.
 */

/* Returns an owned string. */
char *base64url_encode(const void *data, size_t len);

/*
 * Decodes into an owned buffer, which is never NULL, even for no bytes. Returns 0, or -EINVAL for
 * padding, foreign characters, an impossible length, or spare bits that are not zero.
 */
int base64url_decode(const char *text, uint8_t **ret_data, size_t *ret_len);
