/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <time.h>

#include "client/passlockctl/terminal/timestamp.h"

#define USEC_PER_SEC UINT64_C(1000000)

/* Parses leading digits, 12 at most. */
static int parse_number(const char *text, uint64_t *ret, const char **ret_end)
{
        size_t n = strspn(text, "0123456789");

        if (n == 0 || n > 12)
                return -EINVAL;
        *ret = strtoull(text, NULL, 10);
        *ret_end = text + n;
        return 0;
}

static int parse_ago(const char *text, uint64_t now_us, uint64_t *ret_us)
{
        static const struct {
                const char *name;
                uint64_t seconds;
        } units[] = {{"s", 1}, {"min", 60}, {"h", 3600}, {"d", 86400}};
        const char *end;
        uint64_t n;

        if (parse_number(text, &n, &end) < 0)
                return -EINVAL;
        for (size_t i = 0; i < ARRAY_SIZE(units); i++)
                if (streq(end, units[i].name)) {
                        if (n > now_us / USEC_PER_SEC / units[i].seconds)
                                return -EINVAL;
                        *ret_us = now_us - n * units[i].seconds * USEC_PER_SEC;
                        return 0;
                }
        return -EINVAL;
}

static int parse_date(const char *text, uint64_t *ret_us)
{
        static const char *const formats[] = {"%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S"};

        for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
                struct tm tm = {.tm_isdst = -1};
                const char *end = strptime(text, formats[i], &tm);
                int day = tm.tm_mday;
                time_t seconds;

                if (!end || *end)
                        continue;
                seconds = mktime(&tm);
                /* mktime() normalises February 30; reject it. */
                if (seconds < 0 || tm.tm_mday != day)
                        return -EINVAL;
                *ret_us = (uint64_t) seconds * USEC_PER_SEC;
                return 0;
        }
        return -EINVAL;
}

int timestamp_parse(const char *text, uint64_t now_us, uint64_t *ret_us)
{
        const char *end;
        uint64_t seconds;

        switch (*text) {
        case '-':
                return parse_ago(text + 1, now_us, ret_us);
        case '@':
                if (parse_number(text + 1, &seconds, &end) < 0 || *end)
                        return -EINVAL;
                *ret_us = seconds * USEC_PER_SEC;
                return 0;
        default:
                return parse_date(text, ret_us);
        }
}
