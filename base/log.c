/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>

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

const char *log_max_level_name(void)
{
        return level_names[max_level];
}

bool log_is_on(int level)
{
        return level <= max_level;
}

bool log_is_journal(void)
{
        const char *stream = getenv("JOURNAL_STREAM");
        unsigned long long device, inode;
        struct stat st;
        int n = 0;

        if (!stream || sscanf(stream, "%llu:%llu%n", &device, &inode, &n) != 2 || stream[n])
                return false;
        return fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

/* A short write() does not block if poll() reports POLLOUT. */
static void write_line(const char *line, size_t len)
{
        static atomic_uint n_lost;
        struct pollfd fd = {.fd = STDERR_FILENO, .events = POLLOUT};
        unsigned n;

        if (poll(&fd, 1, 0) != 1 || !(fd.revents & POLLOUT)) {
                n_lost++;
                return;
        }
        if (write(STDERR_FILENO, line, len) != (ssize_t) len)
                return;
        n = atomic_exchange(&n_lost, 0);
        if (n > 0)
                log_line(LOG_WARNING, "Dropped %u log lines: standard error was not read", n);
}

_printf_(2, 0) static void log_va(int level, const char *format, va_list ap)
{
        char line[2048];
        int n, m;

        n = log_is_journal() ? snprintf(line, sizeof(line), "<%d>", level)
                             : snprintf(line, sizeof(line), "%s: ", program_invocation_short_name);
        m = vsnprintf(line + n, sizeof(line) - (size_t) n, format, ap);
        if (m < 0)
                return;

        /* Replace control characters, so that one message is one line. */
        for (char *p = line; *p; p++)
                if ((unsigned char) *p < ' ' || *p == 0x7f)
                        *p = '?';
        n = (int) strlen(line);
        line[n++] = '\n';
        write_line(line, (size_t) n);
}

void log_line(int level, const char *format, ...)
{
        va_list ap;

        va_start(ap, format);
        log_va(level, format, ap);
        va_end(ap);
}

void log_at(int level, const char *format, ...)
{
        va_list ap;

        if (!log_is_on(level))
                return;
        va_start(ap, format);
        log_va(level, format, ap);
        va_end(ap);
}

void log_errno_origin_at(int r, const char *file, int line, const char *func)
{
        int saved_errno = errno;

        while (strncmp(file, "../", 3) == 0)
                file += 3;
        log_debug("%s:%d: %s(): %s (errno %d)", file, line, func, strerror(-r), -r);
        errno = saved_errno;
}
