/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "client/passlockctl/terminal/color.h"

bool color_is_enabled(FILE *file)
{
        const char *term = getenv("TERM");

        return isatty(fileno(file)) && isempty(getenv("NO_COLOR")) && !isempty(term) &&
               !streq(term, "dumb");
}
