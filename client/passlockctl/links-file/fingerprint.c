/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "client/passlockctl/links-file/fingerprint.h"

/* 64-bit FNV-1a. */
static uint64_t fingerprint_of(const char *text)
{
        uint64_t hash = UINT64_C(0xcbf29ce484222325);

        for (; *text; text++)
                hash = (hash ^ (unsigned char) *text) * UINT64_C(0x100000001b3);
        return hash;
}

void fingerprint_set_clear(FingerprintSet *set)
{
        free(set->all);
        *set = (FingerprintSet){};
}

int fingerprint_set_add(FingerprintSet *set, const char *text)
{
        if (set->n == set->capacity) {
                size_t capacity = set->capacity > 0 ? set->capacity * 2 : 1024;
                uint64_t *grown = reallocarray(set->all, capacity, sizeof(uint64_t));

                if (!grown)
                        return -ENOMEM;
                set->all = grown;
                set->capacity = capacity;
        }
        set->all[set->n++] = fingerprint_of(text);
        return 0;
}

static int compare(const void *a, const void *b)
{
        uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;

        return x < y ? -1 : x > y;
}

size_t fingerprint_set_keep_repeated(FingerprintSet *set)
{
        size_t n_kept = 0;

        if (set->n == 0)
                return 0;
        qsort(set->all, set->n, sizeof(uint64_t), compare);
        for (size_t i = 1; i < set->n; i++) {
                uint64_t one = set->all[i];

                if (one == set->all[i - 1] && (n_kept == 0 || one != set->all[n_kept - 1]))
                        set->all[n_kept++] = one;
        }
        set->n = n_kept;
        return n_kept;
}

bool fingerprint_set_has(const FingerprintSet *set, const char *text)
{
        uint64_t one = fingerprint_of(text);

        return set->n > 0 && bsearch(&one, set->all, set->n, sizeof(uint64_t), compare);
}
