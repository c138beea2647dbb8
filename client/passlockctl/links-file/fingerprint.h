/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/*
 * Eight bytes for each of very many texts, to learn which of them may be there twice: those that
 * have a fingerprint in common, of which a few may be different all the same. Zero-initialised it
 * is empty.
 */
typedef struct FingerprintSet {
        uint64_t *all;
        size_t n;
        size_t capacity;
} FingerprintSet;

void fingerprint_set_clear(FingerprintSet *set);
/* Returns 0 or -ENOMEM. */
int fingerprint_set_add(FingerprintSet *set, const char *text);
/* Drops those that are there once. Returns how many are left, each now once. */
size_t fingerprint_set_keep_repeated(FingerprintSet *set);
/* After that: whether the text has one of them. */
bool fingerprint_set_has(const FingerprintSet *set, const char *text);
