/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* Finds the candidate that a mistyped word is closest to, for "did you mean". */
typedef struct ClosestWord {
        const char *word;  /* as typed */
        const char *found; /* borrowed from the candidates; NULL: none is close */
        size_t distance;
} ClosestWord;

/* Keeps the candidate if its Levenshtein distance to the word is the smallest so far. */
void closest_word_consider(ClosestWord *closest, const char *candidate);
