/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/*
 * A set of 64-bit hashes to find duplicates among many strings in little memory: equal strings have
 * equal hashes, but equal hashes may be a collision. Initialize it with zeros.
 */
typedef struct FingerprintSet {
        uint64_t *all;
        size_t n;
        size_t capacity;
} FingerprintSet;

void fingerprint_set_clear(FingerprintSet *set);
/* Returns 0 or -ENOMEM. */
int fingerprint_set_add(FingerprintSet *set, const char *text);
/* Keeps only hashes that occur more than once. Returns their number. */
size_t fingerprint_set_keep_repeated(FingerprintSet *set);
/* Whether the string's hash is among those kept. */
bool fingerprint_set_has(const FingerprintSet *set, const char *text);
