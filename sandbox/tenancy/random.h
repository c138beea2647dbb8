/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/macro.h"

/* Fills a buffer with random bytes; aborts on failure. */
void random_bytes(void *data, size_t len);

/* Returns an owned string: the prefix, then len random bytes in base64url. */
char *random_text(const char *prefix, size_t len);
