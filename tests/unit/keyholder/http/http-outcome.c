/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "base/clock.h"
#include "tests/unit/keyholder/http/http-outcome.h"
#include "tests/unit/test.h"

HttpRequest http_get(char *ret_url, size_t size, uint16_t port, const char *path)
{
        snprintf(ret_url, size, "http://127.0.0.1:%u%s", port, path);
        return (HttpRequest){.url = ret_url, .timeout_ms = 30000, .reply_len_max = 65536};
}

void http_outcome_fill(int r, const HttpReply *reply, void *userdata)
{
        HttpOutcome *outcome = userdata;

        outcome->n_ended++;
        outcome->r = r;
        outcome->status = reply->status;
        outcome->retry_after_s = reply->retry_after_s;
        outcome->date_ms = reply->date_ms;
        assert_int_equal(reply->body[reply->body_len], '\0');
        free(outcome->body);
        outcome->body = malloc(reply->body_len + 1);
        assert_non_null(outcome->body);
        memcpy(outcome->body, reply->body, reply->body_len + 1);
        outcome->body_len = reply->body_len;
}

void http_outcome_clear(HttpOutcome *outcome)
{
        free(outcome->body);
        *outcome = (HttpOutcome){};
}

void run_until(sd_event *event, bool (*condition)(void *userdata), void *userdata)
{
        uint64_t deadline_ms = monotonic_ms() + 60000;

        while (!condition(userdata)) {
                assert_true(monotonic_ms() < deadline_ms);
                assert_true(sd_event_run(event, 100000) >= 0);
        }
}

static bool has_ended(void *userdata)
{
        const HttpOutcome *outcome = userdata;

        return outcome->n_ended > 0;
}

void http_outcome_get(sd_event *event, HttpClient *client, const HttpRequest *request,
                      HttpOutcome *outcome)
{
        http_outcome_clear(outcome);
        assert_int_equal(
                http_call_start(client, request, http_outcome_fill, outcome, &outcome->call), 0);
        assert_int_equal(outcome->n_ended, 0);
        run_until(event, has_ended, outcome);
        assert_int_equal(outcome->n_ended, 1);
}
