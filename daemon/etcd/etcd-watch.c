/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/clock.h"
#include "base/jitter.h"
#include "base/log.h"
#include "daemon/etcd/etcd-client-internal.h"
#include "daemon/etcd/etcd-fragments.h"
#include "daemon/etcd/etcd-lines.h"
#include "daemon/etcd/etcd-watch.h"

/* Pauses before the stream is opened anew, with jitter. */
#define PAUSE_FIRST_MS 50U
#define PAUSE_MAX_MS   1000U
/* How long an event may take to arrive after a reply that tells its revision. */
#define SETTLE_MS 1000U
/* The stream may be dead after such a silence. */
#define SILENCE_MAX_MS 30000U

/* Beside 0 of an EtcdLineFunc: the stream has ended, and perhaps the watch. */
#define STREAM_ENDED 1

struct EtcdWatch {
        EtcdClient *client;
        EtcdListener listener;
        EtcdWatchFunc func;
        void *userdata;
        uint8_t *prefix, *end; /* the range of keys */
        size_t prefix_len, end_len;
        bool prev_kv;
        uint64_t check_ms;
        uint64_t silence_max_ms;
        int64_t revision;       /* delivered */
        sd_event_source *timer; /* the next thing to do: see schedule() */
        EtcdExchange *exchange; /* the stream, or NULL */
        unsigned endpoint;      /* of the stream */
        EtcdLines lines;
        EtcdFragments fragments;
        bool created;          /* the member has acknowledged the watch */
        bool ended;            /* END was delivered */
        uint64_t opened_at_ms; /* this and others in CLOCK_MONOTONIC */
        uint64_t open_at_ms;   /* without a stream: not before */
        uint64_t silent_since_ms;
        unsigned n_failed;      /* streams in a row */
        EtcdCall *check;        /* in flight, or NULL */
        uint64_t check_sent_ms; /* the last one */
        int64_t check_revision; /* is awaited since a check; 0: none */
        uint64_t settled_at_ms; /* give it up then */
        uint64_t heard_at_ms;
        bool *gone; /* set by etcd_watch_free() in a callback */
};

static void close_stream(EtcdWatch *watch)
{
        watch->check = etcd_call_cancel(watch->check);
        watch->check_revision = 0;
        if (watch->exchange)
                watch->client->transport->cancel(TAKE_PTR(watch->exchange));
        etcd_lines_clear(&watch->lines);
        etcd_fragments_clear(&watch->fragments);
        watch->created = false;
}

/* Returns false if the watch is gone. */
static bool deliver(EtcdWatch *watch, const EtcdWatchNews *news)
{
        bool gone = false;

        watch->gone = &gone;
        watch->func(news, watch->userdata);
        if (!gone)
                watch->gone = NULL;
        return !gone;
}

static void end(EtcdWatch *watch, int error, int64_t compact_revision)
{
        const EtcdWatchNews news = {
                .kind = ETCD_WATCH_END,
                .revision = watch->revision,
                .error = error,
                .compact_revision = compact_revision,
        };

        if (watch->ended)
                return;
        watch->ended = true;
        close_stream(watch);
        etcd_timer_stop(watch->timer);
        (void) deliver(watch, &news);
}

/* Sets the timer for the next thing to do: open the stream, give up the one that does not answer,
 * give up waiting for a revision, or check. */
static void schedule(EtcdWatch *watch)
{
        uint64_t at_ms;

        if (!watch->exchange)
                at_ms = watch->open_at_ms;
        else if (!watch->created)
                at_ms = watch->opened_at_ms + 2 * watch->client->try_ms;
        else if (watch->check_revision > 0)
                at_ms = watch->settled_at_ms;
        else
                at_ms = watch->check_sent_ms + watch->check_ms;
        if (watch->ended || watch->check || (watch->created && watch->check_ms == 0))
                etcd_timer_stop(watch->timer);
        else
                etcd_timer_set(watch->timer, at_ms);
}

static void reopen_after(EtcdWatch *watch, uint64_t pause_ms)
{
        close_stream(watch);
        watch->open_at_ms = monotonic_ms() + pause_ms;
        schedule(watch);
}

/* The stream has failed: opens another one, perhaps at another endpoint. */
static void fail(EtcdWatch *watch, int error)
{
        uint64_t pause_ms = PAUSE_FIRST_MS << (watch->n_failed < 5 ? watch->n_failed : 5);

        log_debug("A watch at endpoint %u of etcd has failed: %s", watch->endpoint,
                  etcd_error_text(error));
        watch->n_failed++;
        reopen_after(watch, jitter_ms(pause_ms < PAUSE_MAX_MS ? pause_ms : PAUSE_MAX_MS));
        etcd_client_doubt(watch->client, watch->endpoint, error);
}

/* An error that another stream would get as well ends the watch. */
static void fail_or_end(EtcdWatch *watch, int error)
{
        if (error == ETCD_ERROR_DENIED || error == ETCD_ERROR_COMPACTED ||
            error == ETCD_ERROR_OTHER_CLUSTER || error == ETCD_ERROR_REVISION_WENT_BACK)
                end(watch, error, 0);
        else
                fail(watch, error);
}

static void set_heard_at(EtcdWatch *watch, uint64_t at_ms)
{
        if (at_ms > watch->heard_at_ms)
                watch->heard_at_ms = at_ms;
}

/* All events up to the revision have been delivered. */
static void advance(EtcdWatch *watch, int64_t revision)
{
        watch->revision = revision;
        watch->n_failed = 0;
        if (watch->check_revision == 0 || watch->check_revision > revision)
                return;
        watch->check_revision = 0;
        set_heard_at(watch, watch->check_sent_ms);
        schedule(watch);
}

static bool has_prefix(const EtcdWatch *watch, const EtcdBytes *key)
{
        return key->len >= watch->prefix_len &&
               memcmp(key->data, watch->prefix, watch->prefix_len) == 0;
}

static bool keys_are_right(const EtcdWatch *watch, const EtcdWatchReply *reply)
{
        for (size_t i = 0; i < reply->n_events; i++)
                if (!has_prefix(watch, &reply->events[i].kv.key))
                        return false;
        return true;
}

/* Delivers the events by revision. Returns false if the watch is gone or has ended. */
static bool deliver_events(EtcdWatch *watch, const EtcdWatchReply *reply)
{
        size_t n;

        for (size_t i = 0; i < reply->n_events; i += n) {
                EtcdWatchNews news = {
                        .kind = ETCD_WATCH_EVENTS,
                        .revision = reply->events[i].kv.mod_revision,
                        .events = reply->events + i,
                };

                for (n = 1; i + n < reply->n_events; n++)
                        if (reply->events[i + n].kv.mod_revision != news.revision)
                                break;
                news.n_events = n;
                if (news.revision <= watch->revision)
                        continue;
                advance(watch, news.revision);
                if (!deliver(watch, &news))
                        return false;
        }
        return true;
}

static bool deliver_mark(EtcdWatch *watch, int64_t revision)
{
        const EtcdWatchNews news = {.kind = ETCD_WATCH_MARK, .revision = revision};

        if (revision <= watch->revision)
                return true;
        advance(watch, revision);
        return deliver(watch, &news);
}

static void take_cancel(EtcdWatch *watch, const EtcdWatchReply *reply)
{
        if (reply->compact_revision > 0)
                end(watch, ETCD_ERROR_COMPACTED, reply->compact_revision);
        else
                fail_or_end(watch, etcd_failure_of_code(0, reply->cancel_reason).error);
}

/* Checks immediately. */
static void take_created(EtcdWatch *watch)
{
        watch->created = true;
        watch->check_sent_ms = 0;
        schedule(watch);
}

static int take_reply(EtcdWatch *watch, EtcdWatchReply *reply)
{
        bool is_progress = etcd_watch_reply_is_progress(reply);
        int r = etcd_client_check_header(watch->client, &reply->header, 0);

        if (r == 0 && !keys_are_right(watch, reply))
                r = ETCD_ERROR_MALFORMED;
        if (r == 0)
                r = etcd_fragments_join(&watch->fragments, reply);
        if (r != 0) {
                fail_or_end(watch, r);
                return STREAM_ENDED;
        }
        watch->silent_since_ms = monotonic_ms();
        /* More messages may follow: the member catches up. */
        watch->settled_at_ms = watch->silent_since_ms + SETTLE_MS;
        if (watch->check_ms == 0)
                watch->heard_at_ms = watch->silent_since_ms;
        if (reply->created)
                take_created(watch);
        if (!deliver_events(watch, reply))
                return STREAM_ENDED;
        if (reply->canceled) {
                take_cancel(watch, reply);
                return STREAM_ENDED;
        }
        if (watch->created && is_progress && !deliver_mark(watch, reply->header.revision))
                return STREAM_ENDED;
        return 0;
}

static int on_line(const char *line, size_t len, void *userdata)
{
        EtcdWatch *watch = userdata;
        EtcdWatchReply reply;
        int r;

        r = etcd_watch_reply_decode(line, len, &reply);
        if (r != 0) {
                fail_or_end(watch, r);
                return STREAM_ENDED;
        }
        r = take_reply(watch, &reply);
        etcd_watch_reply_clear(&reply);
        return r;
}

static void on_data(const char *data, size_t len, void *userdata)
{
        EtcdWatch *watch = userdata;
        int r;

        r = etcd_lines_feed(&watch->lines, data, len, on_line, watch);
        if (r < 0)
                fail(watch, r);
}

static void on_end(int r, unsigned status, const char *body _unused_, size_t body_len _unused_,
                   void *userdata)
{
        EtcdWatch *watch = userdata;
        EtcdFailure failure = {ETCD_ERROR_UNAVAILABLE};

        watch->exchange = NULL;
        if (r < 0)
                (void) etcd_failure_of_reply(r, status, NULL, 0, &failure);
        else if (status == 401 || status == 403)
                failure.error = ETCD_ERROR_DENIED;
        if (r == 0)
                fail_or_end(watch, failure.error);
        else
                fail(watch, failure.error);
}

static void open_stream(EtcdWatch *watch)
{
        const EtcdWatchCreate create = {
                .key = {watch->prefix, watch->prefix_len},
                .range_end = {watch->end, watch->end_len},
                .start_revision = watch->revision + 1,
                .progress_notify = true,
                .fragment = true,
                .prev_kv = watch->prev_kv,
        };
        const EtcdTransport *transport = watch->client->transport;
        _cleanup_(freep) char *body = NULL;
        EtcdRequest request = {
                .path = ETCD_WATCH,
                .endpoint = watch->endpoint,
                .timeout_ms = watch->client->try_ms,
                .require_leader = true,
        };
        int r;

        r = etcd_request_watch(&create, &body);
        if (r == 0) {
                request.body = body;
                request.body_len = strlen(body);
                r = transport->start(transport->userdata, &request, on_data, on_end, watch,
                                     &watch->exchange);
        }
        if (r < 0) {
                fail(watch, r);
                return;
        }
        watch->opened_at_ms = monotonic_ms();
        schedule(watch);
}

static void on_checked(int r, const EtcdReply *reply, void *userdata)
{
        EtcdWatch *watch = userdata;

        watch->check = NULL;
        if (r == ETCD_ERROR_OTHER_CLUSTER || r == ETCD_ERROR_REVISION_WENT_BACK) {
                end(watch, r, 0);
                return;
        }
        if (r != 0 && r != ETCD_ERROR_DENIED) {
                fail(watch, r);
                return;
        }
        if (r == 0 && reply->header.revision <= watch->revision) {
                watch->n_failed = 0;
                set_heard_at(watch, watch->check_sent_ms);
        } else if (r == 0) {
                watch->check_revision = reply->header.revision;
                watch->settled_at_ms = monotonic_ms() + SETTLE_MS;
        }
        schedule(watch);
}

static void start_check(EtcdWatch *watch)
{
        const EtcdRange range = {
                .key = {watch->prefix, watch->prefix_len},
                .limit = 1,
                .keys_only = true,
        };
        const EtcdCallOptions options = {
                .timeout_ms = watch->client->try_ms,
                .pinned = true,
                .endpoint = watch->endpoint,
        };
        int r;

        watch->check_sent_ms = monotonic_ms();
        r = etcd_range_start(watch->client, &range, &options, on_checked, watch, &watch->check);
        if (r < 0)
                log_debug("Failed to check a watch of etcd: %s", etcd_error_text(r));
        schedule(watch);
}

/* The revision of a check did not arrive, or other messages did meanwhile. */
static void settle(EtcdWatch *watch)
{
        if (monotonic_ms() < watch->settled_at_ms) {
                schedule(watch);
                return;
        }
        watch->check_revision = 0;
        if (monotonic_ms() - watch->silent_since_ms > watch->silence_max_ms) {
                reopen_after(watch, 0);
                return;
        }
        set_heard_at(watch, watch->check_sent_ms);
        schedule(watch);
}

static int on_timer(sd_event_source *timer _unused_, uint64_t usec _unused_, void *userdata)
{
        EtcdWatch *watch = userdata;

        if (!watch->exchange) {
                /* Otherwise, the listener opens it later. */
                if (etcd_client_endpoint(watch->client, &watch->endpoint))
                        open_stream(watch);
        } else if (!watch->created) {
                fail(watch, ETCD_ERROR_UNAVAILABLE);
        } else if (watch->check_revision > 0) {
                settle(watch);
        } else {
                start_check(watch);
        }
        return 0;
}

/* Follows the client to another endpoint, or to its stop. */
static void on_client_changed(EtcdListener *listener)
{
        EtcdWatch *watch = container_of(listener, EtcdWatch, listener);
        unsigned endpoint;
        int error;

        if (watch->ended)
                return;
        if (etcd_client_is_stopped(watch->client, &error))
                end(watch, error, 0);
        else if (!etcd_client_endpoint(watch->client, &endpoint))
                return;
        else if (!watch->exchange)
                schedule(watch);
        else if (endpoint != watch->endpoint)
                reopen_after(watch, 0);
}

static int copy_range(EtcdWatch *watch, EtcdBytes prefix)
{
        watch->prefix = malloc(prefix.len);
        watch->end = malloc(prefix.len);
        if (!watch->prefix || !watch->end)
                return -ENOMEM;
        memcpy(watch->prefix, prefix.data, prefix.len);
        watch->prefix_len = prefix.len;
        watch->end_len = etcd_prefix_end(prefix, watch->end).len;
        return 0;
}

int etcd_watch_new(EtcdClient *client, const EtcdWatchOptions *options, EtcdWatchFunc func,
                   void *userdata, EtcdWatch **ret)
{
        _cleanup_(etcd_watch_freep) EtcdWatch *watch = calloc(1, sizeof(EtcdWatch));
        int r;

        if (!watch)
                return -ENOMEM;
        assert(options->prefix.len > 0 && options->revision > 0);
        watch->client = client;
        watch->listener.func = on_client_changed;
        etcd_client_add_listener(client, &watch->listener);
        watch->func = func;
        watch->userdata = userdata;
        watch->prev_kv = options->prev_kv;
        watch->check_ms = options->check_ms;
        watch->silence_max_ms = options->silence_max_ms ?: SILENCE_MAX_MS;
        watch->revision = options->revision;
        r = copy_range(watch, options->prefix);
        if (r == 0)
                r = etcd_timer_new(client->event, on_timer, watch, &watch->timer);
        if (r < 0)
                return r;
        schedule(watch);
        *ret = TAKE_PTR(watch);
        return 0;
}

EtcdWatch *etcd_watch_free(EtcdWatch *watch)
{
        if (!watch)
                return NULL;
        if (watch->gone)
                *watch->gone = true;
        close_stream(watch);
        etcd_client_remove_listener(watch->client, &watch->listener);
        sd_event_source_disable_unref(watch->timer);
        free(watch->prefix);
        free(watch->end);
        free(watch);
        return NULL;
}

int64_t etcd_watch_revision(const EtcdWatch *watch)
{
        return watch->revision;
}

uint64_t etcd_watch_heard_at_ms(const EtcdWatch *watch)
{
        return watch->heard_at_ms;
}

bool etcd_watch_is_open(const EtcdWatch *watch)
{
        return watch->created;
}
