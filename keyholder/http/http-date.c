/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <ctype.h>
#include <curl/curl.h>

#include "keyholder/http/http-date.h"

#define DATE_SIZE 40U /* longer than a valid date */

static uint64_t parse_date(const char *value)
{
        time_t date;

        /* curl_getdate() accepts more formats. HTTP dates begin with a day name and contain a time.
         */
        if (!isalpha((unsigned char) value[0]) || !isalpha((unsigned char) value[1]) ||
            !isalpha((unsigned char) value[2]) || !strchr(value, ':'))
                return 0;
        date = curl_getdate(value, NULL);
        return date > 0 ? (uint64_t) date * 1000 : 0;
}

/* Replies within a second have the same date, and curl_getdate() is slow. */
uint64_t http_date_ms(const char *value)
{
        static char last_value[DATE_SIZE];
        static uint64_t last_ms;

        if (strlen(value) >= DATE_SIZE)
                return parse_date(value);
        if (!streq(value, last_value)) {
                last_ms = parse_date(value);
                (void) stpcpy(last_value, value);
        }
        return last_ms;
}

/* strtoul() saturates, too. */
static uint32_t seconds(const char *digits)
{
        unsigned long value = strtoul(digits, NULL, 10);

        return value < UINT32_MAX ? (uint32_t) value : UINT32_MAX;
}

uint32_t http_retry_after_s(const char *value, uint64_t now_ms)
{
        size_t n_digits = strspn(value, "0123456789");
        uint64_t date_ms, wait_s;

        if (n_digits > 0 && value[n_digits] == '\0')
                return seconds(value);
        date_ms = http_date_ms(value);
        if (date_ms == 0)
                return RETRY_AFTER_UNREADABLE_S;
        if (date_ms <= now_ms)
                return 0;
        /* Rounded up: never retry too early. */
        wait_s = (date_ms - now_ms + 999) / 1000;
        return wait_s < UINT32_MAX ? (uint32_t) wait_s : UINT32_MAX;
}
