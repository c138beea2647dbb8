/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sandbox/tenancy/rate-limit.h"

void rate_limit_init(RateLimit *limit)
{
        limit->times = must(json_object());
}

void rate_limit_done(RateLimit *limit)
{
        json_decref(limit->times);
        limit->times = NULL;
}

/* Returns the timestamps of a subject, lent; drops the oldest of RATE_LIMIT_SUBJECTS_MAX. */
static json_t *times_of(RateLimit *limit, const char *subject)
{
        json_t *times = json_object_get(limit->times, subject);

        if (times)
                return times;
        if (json_object_size(limit->times) >= RATE_LIMIT_SUBJECTS_MAX)
                json_object_del(limit->times, json_object_iter_key(json_object_iter(limit->times)));
        times = must(json_array());
        json_object_set_new(limit->times, subject, times);
        return times;
}

int64_t rate_limit_take(RateLimit *limit, const RateLimitRule *rule, const char *subject,
                        int64_t now_ms)
{
        json_t *times;

        if (rule->max == 0)
                return 0;
        times = times_of(limit, subject);
        while (json_array_size(times) > 0 &&
               json_integer_value(json_array_get(times, 0)) + rule->window_ms <= now_ms)
                json_array_remove(times, 0);
        if (json_array_size(times) >= rule->max)
                return json_integer_value(json_array_get(times, 0)) + rule->window_ms - now_ms;
        json_array_append_new(times, json_integer(now_ms));
        return 0;
}
