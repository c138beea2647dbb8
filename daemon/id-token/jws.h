/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* Encoding and algorithms of JWS and JWK. */

/* Whether a signature algorithm is allowed; NULL is not. */
bool jws_alg_is_allowed(const char *alg);

/* Whether a text is canonical base64url: not empty, no padding, no white space, no stray bits. */
bool jws_base64url_is_valid(const char *text, size_t len);
/* Decodes canonical base64url. The caller frees the bytes. Returns 0, -ENOMEM, or
 * ERROR_INVALID_TOKEN. */
int jws_base64url_decode(const char *text, size_t len, uint8_t **ret, size_t *ret_len);
