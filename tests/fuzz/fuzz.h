/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/macro.h"

/*
 * A fuzz target defines LLVMFuzzerTestOneInput(), which aborts if a property does not hold, and
 * optionally LLVMFuzzerInitialize(). libFuzzer calls both, or replay.c with the files of a corpus.
 */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Copies the input into a NUL-terminated text, which the caller frees. */
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
        char *text = malloc(size + 1);

        assert(text);
        if (size > 0)
                memcpy(text, data, size);
        text[size] = '\0';
        return text;
}

static int fuzz_remove_entry(const char *path, const struct stat *st _unused_, int type _unused_,
                             struct FTW *ftw _unused_)
{
        return remove(path);
}

static inline void fuzz_remove_tree(const char *directory)
{
        (void) nftw(directory, fuzz_remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

/* Makes a directory in $TMPDIR. */
static inline void fuzz_make_directory(char ret_path[static 64])
{
        int n = snprintf(ret_path, 64, "%s/passlock-fuzz.XXXXXX", getenv("TMPDIR") ?: "/tmp");

        assert(n < 64 && mkdtemp(ret_path));
}
