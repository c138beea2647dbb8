/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/log.h"

static const char *const level_names[] = {
        [LOG_EMERG] = "emerg", [LOG_ALERT] = "alert",     [LOG_CRIT] = "crit",
        [LOG_ERR] = "err",     [LOG_WARNING] = "warning", [LOG_NOTICE] = "notice",
        [LOG_INFO] = "info",   [LOG_DEBUG] = "debug",
};

static int max_level = LOG_INFO;

void log_set_max_level(int level)
{
        max_level = level;
}

int log_set_max_level_name(const char *name)
{
        for (size_t i = 0; i < ARRAY_SIZE(level_names); i++)
                if (streq(name, level_names[i])) {
                        log_set_max_level((int) i);
                        return 0;
                }
        return -EINVAL;
}

bool log_is_on(int level)
{
        return level <= max_level;
}

void log_at(int level, const char *format, ...)
{
        char line[2048];
        va_list ap;
        int n;

        if (!log_is_on(level))
                return;

        va_start(ap, format);
        n = vsnprintf(line, sizeof(line), format, ap);
        va_end(ap);
        if (n < 0)
                return;

        /* A message is one line, whatever was quoted in it. */
        for (char *p = line; *p; p++)
                if ((unsigned char) *p < ' ' || *p == 0x7f)
                        *p = '?';

        if (getenv("JOURNAL_STREAM"))
                fprintf(stderr, "<%d>%s\n", level, line);
        else
                fprintf(stderr, "%s: %s\n", program_invocation_short_name, line);
}
