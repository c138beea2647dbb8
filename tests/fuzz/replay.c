/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Runs a fuzz target with each file of the directories in the arguments, in builds without
 * libFuzzer. */

#include <dirent.h>
#include <err.h>
#include <stdio.h>

#include "tests/fuzz/fuzz.h"

__attribute__((weak)) int LLVMFuzzerInitialize(int *argc _unused_, char ***argv _unused_)
{
        return 0;
}

static void replay(const char *path)
{
        /* The copy has the exact size, so that the sanitizer detects overreads. */
        _cleanup_(freep) uint8_t *data = NULL;
        FILE *f = fopen(path, "re");
        long size;

        if (!f || fseek(f, 0, SEEK_END) < 0 || (size = ftell(f)) < 0)
                err(1, "%s", path);
        rewind(f);
        data = malloc((size_t) size);
        if (size > 0 && (!data || fread(data, (size_t) size, 1, f) != 1))
                err(1, "%s", path);
        fclose(f);
        /* The last line names the file of a crash. */
        printf("%s\n", path);
        fflush(stdout);
        (void) LLVMFuzzerTestOneInput(data, (size_t) size);
}

static int is_visible(const struct dirent *entry)
{
        return entry->d_name[0] != '.';
}

static unsigned replay_directory(const char *directory)
{
        struct dirent **entries;
        int n = scandir(directory, &entries, is_visible, alphasort);

        if (n < 0)
                err(1, "%s", directory);
        for (int i = 0; i < n; i++) {
                char path[4096];

                (void) snprintf(path, sizeof(path), "%s/%s", directory, entries[i]->d_name);
                replay(path);
                free(entries[i]);
        }
        free(entries);
        return (unsigned) n;
}

int main(int argc, char *argv[])
{
        unsigned n = 0;

        (void) LLVMFuzzerInitialize(&argc, &argv);
        for (int i = 1; i < argc; i++)
                n += replay_directory(argv[i]);
        if (n == 0)
                errx(1, "no inputs to replay");
        return 0;
}
