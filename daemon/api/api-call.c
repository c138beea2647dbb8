/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/clock.h"
#include "base/jitter.h"
#include "base/log.h"
#include "base/wiping-allocator.h"
#include "daemon/api/api-internal.h"
#include "daemon/api/api-json.h"
#include "dbus/api-status.h"

/* Pause before the first retry; it doubles. */
#define PAUSE_MS     100U
#define ATTEMPTS_MAX 5U
/* An attempt that is canceled later than that counts as a failure. */
#define PATIENCE_MS 1000U

/* Whether the breaker is for the call: another host may serve the key set. */
static bool has_breaker(const ApiCall *call)
{
        return call->endpoint->kind == API_REQUEST_TENANCY;
}

/* NULL: nothing is counted, as for key proofs, which make no HTTP request. */
static ApiRequestCounts *counts_of(const ApiCall *call)
{
        if (!call->api->counts || call->endpoint->kind == API_REQUEST_KEY_PROOF)
                return NULL;
        return api_counts_of(call->api->counts, call->endpoint->name);
}

static void count_attempt(const ApiCall *call, const ApiReply *reply)
{
        ApiRequestCounts *counts = counts_of(call);

        if (!counts)
                return;
        histogram_add(&counts->durations, monotonic_us() - call->attempted_at_us);
        counts->n_retries += call->n_attempts > 1;
        if (reply->connect_us > 0)
                histogram_add(&call->api->counts->connects, reply->connect_us);
}

/* `reply` NULL: the caller gave up. */
static void record_attempt(const ApiCall *call, const ApiReply *reply)
{
        ApiBreaker *breaker = &call->api->server->breaker;
        const ApiAttempt attempt = {
                .started_ms = call->attempted_at_ms,
                .status = reply ? reply->status : 0,
                .retry_after_s = reply ? reply->retry_after_s : 0,
                .is_probe = call->is_probe,
                .gave_up = !reply,
        };

        /* Failures of background work do not count: it retries by itself. */
        if (!has_breaker(call) ||
            (call->priority == API_BACKGROUND && !api_attempt_is_success(&attempt)))
                return;
        if (api_breaker_record(breaker, &attempt, monotonic_ms()))
                log_notice(breaker->open ? "%s does not respond; calls fail at once until it does"
                                         : "%s responds again",
                           call->api->server->endpoint);
}

/* A caller that gives up before the deadline of the call. */
static void record_canceled_attempt(const ApiCall *call)
{
        if (call->attempt && !call->is_probe &&
            monotonic_ms() - call->attempted_at_ms >= PATIENCE_MS)
                record_attempt(call, NULL);
}

ApiCall *api_call_cancel(ApiCall *call)
{
        if (!call)
                return NULL;
        if (call->context)
                api_context_remove(call->context, call);
        record_canceled_attempt(call);
        if (call->attempt)
                api_context_transport(call->api->context)->cancel(call->attempt);
        sd_event_source_disable_unref(call->pause);
        api_unref(call->api);
        wiping_free(call->path);
        wiping_free(call->body);
        sd_event_unref(call->event);
        free(call);
        return NULL;
}

static void payload_clear(ApiPayload *payload)
{
        wiping_free(payload->token.token);
        principal_free(payload->principal);
        passkey_free(payload->passkey);
        passkey_list_clear(&payload->passkeys);
        free(payload->next_cursor);
        management_clear(&payload->management);
        challenge_free(payload->challenge);
}

/* Whether a failed probe says nothing of the API: it was too slow for the probe, or another attempt
 * succeeded meanwhile. */
static bool is_outdated(const ApiCall *call, int r)
{
        return r == ERROR_UNREACHABLE && call->is_probe &&
               (call->is_quick ||
                call->api->server->breaker.succeeded_at_ms >= call->attempted_at_ms);
}

/* Background calls, the key set and key proofs do not affect the state of the tenancy. */
static void observe(const ApiCall *call, int r)
{
        const Api *api = call->api;

        if (is_outdated(call, r))
                return;
        if (api->observer && call->priority == API_FOREGROUND && has_breaker(call))
                api->observer(api, r, api->observer_userdata);
}

/* Whether the API accepted the key, and replied what the endpoint documents. */
static bool is_answer(const ApiCall *call, int r)
{
        const Error *error = call->endpoint->errors;

        if (!has_breaker(call) || r == ERROR_API_DENIED)
                return false;
        while (error && *error && (int) *error != r)
                error++;
        return r == 0 || (error && *error);
}

static void count_end(const ApiCall *call, int r)
{
        ApiRequestCounts *counts = counts_of(call);

        if (!counts)
                return;
        outcome_counts_add(&counts->outcomes, r);
        if (is_answer(call, r))
                call->api->counts->succeeded_at_ms = realtime_ms();
}

static Result payload_result(const ApiPayload *payload)
{
        return (Result){
                .token = payload->token.token ? &payload->token : NULL,
                .principal = payload->principal,
                .passkey = payload->passkey,
                .passkeys = payload->is_page ? &payload->passkeys : NULL,
                .next_cursor = payload->next_cursor,
                .management = payload->management.token ? &payload->management : NULL,
                .challenge = payload->challenge,
                .key_set = payload->key_set,
                .key_proof = payload->key_proof,
        };
}

void api_call_end(ApiCall *call, int r, uint32_t retry_after_s, const ApiReply *reply)
{
        _cleanup_(payload_clear) ApiPayload payload = {};
        ResultFunc func = call->func;
        void *userdata = call->userdata;
        Result result;

        if (r == 0)
                r = call->endpoint->read(reply->body, reply->body_len, &payload);
        result = r == 0 ? payload_result(&payload)
                        : (Result){.r = r, .retry_after_s = retry_after_s};
        count_end(call, r);
        observe(call, r);
        api_call_cancel(call);
        func(&result, userdata);
}

static bool is_success(const ApiReply *reply)
{
        return reply->status >= 200 && reply->status < 300;
}

/* Maps an error reply to an Error. A truncated body is ignored: the status decides. */
static int map_error_reply(const ApiCall *call, int r, const ApiReply *reply,
                           uint32_t *ret_retry_after_s)
{
        ApiErrorBody body = {};
        int error;

        if (r == 0) {
                r = api_json_read_error(reply->body, reply->body_len, &body);
                if (r < 0)
                        return r;
        }
        error = api_status_to_error(reply->status, isempty(body.tag) ? NULL : body.tag,
                                    call->endpoint->errors);
        if (error == ERROR_BAD_REQUEST)
                api_server_log_refusal(call->api->server, call->endpoint->name, reply->status,
                                       body.tag);
        if (error == ERROR_RATE_LIMITED)
                *ret_retry_after_s = reply->retry_after_s ?: body.retry_after_s;
        else if (reply->status >= 500)
                *ret_retry_after_s = reply->retry_after_s;
        /* Other requests have neither a key nor an argument that could be wrong. */
        if (!has_breaker(call) && (error == ERROR_BAD_REQUEST || error == ERROR_API_DENIED))
                return ERROR_UNREACHABLE;
        return error;
}

/* Returns 0 for a complete 2xx reply, whose body is not parsed yet. */
static int map_reply(const ApiCall *call, int r, const ApiReply *reply, uint32_t *ret_retry_after_s)
{
        if (api_is_resource_shortage(r))
                return r;
        if (!is_success(reply))
                return map_error_reply(call, r, reply, ret_retry_after_s);
        if (r == -EMSGSIZE || r == -EBADMSG)
                return ERROR_MALFORMED_REPLY;
        return r < 0 ? ERROR_UNREACHABLE : 0;
}

/* No retry after a timeout, which has used up the deadline. */
static bool may_retry(const ApiCall *call, int r, const ApiReply *reply)
{
        if (call->endpoint->once || call->is_probe || call->n_attempts >= ATTEMPTS_MAX)
                return false;
        if (reply->status >= 500)
                return true;
        if (reply->status >= 400)
                return false;
        return r == -ECONNREFUSED || r == -EHOSTUNREACH || r == -EPROTO || r == -EIO;
}

static int on_retry_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        ApiCall *call = userdata;
        int r;

        call->pause = sd_event_source_disable_unref(call->pause);
        r = api_call_start(call);
        if (r < 0)
                api_call_end(call, r == -ETIMEDOUT ? ERROR_UNREACHABLE : r, 0, NULL);
        return 0;
}

/* Back-off before the next retry, at least Retry-After. */
static uint64_t backoff_ms(const ApiCall *call, const ApiReply *reply)
{
        if (reply->status >= 500 && reply->retry_after_s > 0)
                return (uint64_t) reply->retry_after_s * 1000 + jitter_ms(PAUSE_MS);
        return jitter_ms(PAUSE_MS << (call->n_attempts - 1));
}

/* Returns false if the deadline would pass before the retry. */
static bool schedule_retry(ApiCall *call, const ApiReply *reply)
{
        uint64_t pause_ms = backoff_ms(call, reply);

        if (monotonic_ms() + pause_ms >= call->deadline_ms)
                return false;
        return log_errno_origin(sd_event_add_time_relative(call->event, &call->pause,
                                                           CLOCK_MONOTONIC, pause_ms * 1000, 1000,
                                                           on_retry_timer, call)) >= 0;
}

static bool take_retry(const ApiCall *call)
{
        return !has_breaker(call) || api_breaker_take_retry(&call->api->server->breaker);
}

static void on_reply(int r, const ApiReply *reply, void *userdata)
{
        ApiCall *call = userdata;
        uint32_t retry_after_s = 0;

        assert(call->attempt && !call->pause);
        call->attempt = NULL;
        count_attempt(call, reply);
        log_debug("%s, attempt %u: status %u, %s", call->endpoint->name, call->n_attempts,
                  reply->status, r == 0 ? "complete" : strerror(-r));
        api_server_record_reply(call->api->server, r, reply);
        /* A local failure says nothing about the server, and a quick probe nothing about one that
         * is slow. */
        if (!api_is_resource_shortage(r) && r != API_TRANSPORT_LOST &&
            !(call->is_quick && r == -ETIMEDOUT))
                record_attempt(call, reply);
        if (may_retry(call, r, reply) && take_retry(call) && schedule_retry(call, reply))
                return;

        r = map_reply(call, r, reply, &retry_after_s);
        api_call_end(call, r, retry_after_s, reply);
}

static int on_refused(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
        ApiCall *call = userdata;

        call->pause = sd_event_source_disable_unref(call->pause);
        api_call_end(call, ERROR_UNREACHABLE, api_retry_after_s(call->api), NULL);
        return 0;
}

/* Ends the call from the event loop, without an attempt: the breaker is open. */
static int refuse(ApiCall *call)
{
        return log_errno_origin(sd_event_add_time_relative(
                call->event, &call->pause, CLOCK_MONOTONIC, 0, 1, on_refused, call));
}

/* An attempt may use all the remaining time: a slow attempt is not aborted for a retry. */
int api_call_start(ApiCall *call)
{
        uint64_t now_ms = monotonic_ms();
        const ApiTransport *transport = api_context_transport(call->api->context);
        ApiRequest request = {
                .kind = call->endpoint->kind,
                .account = call->api->account,
                .tenancy_id = call->api->tenancy_id,
                .method = call->endpoint->method
                                  ?: call->body ? API_POST
                                                : API_GET,
                .path = call->path,
                .body = call->body,
                .body_len = call->body ? strlen(call->body) : 0,
                .reply_len_max = call->endpoint->reply_len_max ?: API_REPLY_LEN_MAX,
                .once = call->endpoint->once,
        };

        assert(!call->attempt && !call->pause);
        if (has_breaker(call) && !call->is_probe && api_is_down(call->api))
                return refuse(call);
        if (now_ms >= call->deadline_ms)
                return -ETIMEDOUT;
        if (call->n_attempts == 0 && has_breaker(call))
                api_breaker_count_call(&call->api->server->breaker);
        request.timeout_ms = call->deadline_ms - now_ms;
        call->attempted_at_ms = now_ms;
        call->attempted_at_us = monotonic_us();
        call->n_attempts++;
        return transport->start(transport->userdata, &request, on_reply, call, &call->attempt);
}
