/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* The longest signature in the interfaces is much shorter. */
#define SIGNATURE_SIZE 32U

/* The length of the first complete type of a valid signature. */
size_t signature_first_len(const char *signature);

/* Copies the first complete type. Returns the rest of the signature. */
const char *signature_first(const char *signature, char ret[static SIGNATURE_SIZE]);
