/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/macro.h"

/* Fills a buffer from the system's generator; ends the process should that fail. */
void random_bytes(void *data, size_t len);

/* Returns an owned base64url string of len random bytes, after a prefix. */
char *random_text(const char *prefix, size_t len);
