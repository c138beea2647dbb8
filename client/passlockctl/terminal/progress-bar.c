/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <inttypes.h>
#include <stdio.h>

#include "client/passlockctl/terminal/progress-bar.h"

#define WIDTH      32
#define CLEAR_LINE "\r\x1b[K"

void progress_bar_draw(uint64_t done, uint64_t expected, const char *what)
{
        static const char full[WIDTH + 1] = "================================";
        int width;

        if (!isatty(STDERR_FILENO))
                return;
        if (expected == 0) {
                fprintf(stderr, CLEAR_LINE "%" PRIu64 " %s", done, what);
                return;
        }
        width = done >= expected ? WIDTH : (int) ((double) done / (double) expected * WIDTH);
        fprintf(stderr, CLEAR_LINE "[%.*s%*s] %" PRIu64 " of about %" PRIu64 " %s", width, full,
                WIDTH - width, "", done, expected, what);
}

void progress_bar_clear(void)
{
        if (isatty(STDERR_FILENO))
                fputs(CLEAR_LINE, stderr);
}
