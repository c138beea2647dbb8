/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/safe-text.h"
#include "client/passlockctl/invocation.h"
#include "client/passlockctl/terminal/report.h"

void report(const char *format, ...)
{
        _cleanup_(freep) char *line = NULL, *printable = NULL;
        va_list ap;
        int n;

        va_start(ap, format);
        n = vasprintf(&line, format, ap);
        va_end(ap);
        if (n < 0) {
                line = NULL;
                return;
        }
        printable = safe_text_new(line);
        fprintf(stderr, "passlockctl: %s\n", printable ?: "out of memory");
}

int report_write_error(int e)
{
        if (e != EPIPE)
                report("Failed to write standard output: %s", strerror(e));
        return EXIT_OURS;
}

int report_journal(int r)
{
        if (r == -ENOENT && geteuid() == 0)
                report("Failed to read the journal: no files found; check that "
                       "systemd-journald runs");
        else if (r == -ENOENT || r == -EACCES)
                report("Failed to read the journal: access denied; run as root or in the group "
                       "systemd-journal");
        else
                report("Failed to read the journal: %s", strerror(-r));
        return EXIT_OURS;
}

int exit_status(int r)
{
        if (r == 0)
                return 0;
        if (r < 0)
                return EXIT_OURS;
        switch (r) {
        case PASSLOCK_ERROR_ACCESS_DENIED:
                return EXIT_DENIED;
        case PASSLOCK_ERROR_RATE_LIMITED:
        case PASSLOCK_ERROR_API_DENIED:
        case PASSLOCK_ERROR_UNREACHABLE:
        case PASSLOCK_ERROR_MALFORMED_REPLY:
        case PASSLOCK_ERROR_NOT_CONFIGURED:
        case PASSLOCK_ERROR_STORE_FULL:
        case PASSLOCK_ERROR_STORE_FAILED:
        case PASSLOCK_ERROR_LIMITS_EXCEEDED:
                return EXIT_SERVICE;
        default:
                return EXIT_CALLER;
        }
}

/* For a negative errno, prefix its text: the bus's message alone does not say what is missing. */
int report_failure(int r, const char *text)
{
        const char *meaning = passlock_strerror(r);

        if (r == 0)
                return 0;
        if (isempty(text) || streq(text, meaning))
                report("%s", meaning);
        else if (r < 0)
                report("%s: %s", meaning, text);
        else
                report("%s", text);
        return exit_status(r);
}

int report_call(passlock *client, int r)
{
        return report_failure(r, r == 0 ? NULL : passlock_last_error_text(client));
}
