/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "client/passlockctl/terminal/closest-word.h"

#define WORD_LEN_MAX 64U
#define DISTANCE_MAX 2U

/* Levenshtein distance, with one row of its table in memory. `b` is shorter than WORD_LEN_MAX. */
static size_t levenshtein_distance(const char *a, const char *b)
{
        size_t row[WORD_LEN_MAX], len = strlen(b);

        for (size_t j = 0; j <= len; j++)
                row[j] = j;
        for (size_t i = 1; *a; a++, i++) {
                size_t diagonal = row[0];

                row[0] = i;
                for (size_t j = 1; j <= len; j++) {
                        size_t substituted = diagonal + (*a != b[j - 1]);
                        size_t shorter = row[j - 1] < row[j] ? row[j - 1] : row[j];

                        diagonal = row[j];
                        row[j] = substituted <= shorter ? substituted : shorter + 1;
                }
        }
        return row[len];
}

void closest_word_consider(ClosestWord *closest, const char *candidate)
{
        size_t distance;

        if (strlen(candidate) >= WORD_LEN_MAX)
                return;
        distance = levenshtein_distance(closest->word, candidate);
        /* Any word is within a distance of the candidate's length. */
        if (distance > DISTANCE_MAX || distance >= strlen(candidate) ||
            (closest->found && closest->distance <= distance))
                return;
        closest->found = candidate;
        closest->distance = distance;
}
