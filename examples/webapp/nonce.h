/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>

#define NONCE_LEN_MAX 64U

/*
 * Fills `hex` with `len` random hex digits (an even number of at most NONCE_LEN_MAX), and ends it
 * with a NUL. Returns 0 or -EIO.
 */
int nonce_make(char *hex, size_t len);
