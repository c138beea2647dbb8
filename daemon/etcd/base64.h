/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* Padded base64 (RFC 4648, section 4). */

/* The length of the encoding of `len` bytes, without a NUL. */
static inline size_t base64_encoded_len(size_t len)
{
        return (len + 2) / 3 * 4;
}

/* Writes base64_encoded_len(len) characters and a NUL. `data` may be NULL if `len` is 0. */
void base64_encode(const void *data, size_t len, char *ret_text);

/*
 * Decodes canonical base64 only: no white space, full padding, no spare bits. `ret_data` has room
 * for text_len / 4 * 3 bytes, and may be the text itself. Returns 0, or -EINVAL with `ret_data`
 * undefined and *ret_len untouched.
 */
int base64_decode(const char *text, size_t text_len, void *ret_data, size_t *ret_len);
