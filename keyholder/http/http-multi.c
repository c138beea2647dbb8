/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <sys/epoll.h>

#include "base/log.h"
#include "keyholder/http/http-multi.h"

/* Streams per HTTP/2 connection; the peer's limit applies as well. */
#define STREAMS_MAX 1000L

struct HttpMulti {
        sd_event *event;
        sd_event_source *timer;
        CURLM *curl;
        HttpMultiFunc on_end;
        HttpMultiErrorFunc on_error;
        void *userdata;
        int error;
};

/* Drains all messages: several transfers may end in one event. */
static void report_ended_transfers(HttpMulti *multi)
{
        CURLMsg *message;
        int n_left;

        while ((message = curl_multi_info_read(multi->curl, &n_left)))
                if (message->msg == CURLMSG_DONE)
                        multi->on_end(message->easy_handle, message->data.result, multi->userdata);
}

/* Without its socket watched, a transfer would only end at its deadline. */
static void socket_action(HttpMulti *multi, curl_socket_t fd, int flags)
{
        int n_running;

        if (curl_multi_socket_action(multi->curl, fd, flags, &n_running) == CURLM_OUT_OF_MEMORY)
                multi->error = -ENOMEM;
        report_ended_transfers(multi);
        if (multi->error < 0)
                multi->on_error(multi, multi->error, multi->userdata);
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        HttpMulti *multi = userdata;
        int flags = 0;

        if (revents & EPOLLIN)
                flags |= CURL_CSELECT_IN;
        if (revents & EPOLLOUT)
                flags |= CURL_CSELECT_OUT;
        if (revents & (EPOLLERR | EPOLLHUP))
                flags |= CURL_CSELECT_ERR;

        socket_action(multi, fd, flags);
        return 0;
}

static int on_curl_timeout(sd_event_source *source, uint64_t usec, void *userdata)
{
        socket_action(userdata, CURL_SOCKET_TIMEOUT, 0);
        return 0;
}

static uint32_t epoll_events(int what)
{
        return (what & CURL_POLL_IN ? (uint32_t) EPOLLIN : 0) |
               (what & CURL_POLL_OUT ? (uint32_t) EPOLLOUT : 0);
}

/* On -1 from these callbacks, curl fails all current and later transfers. */
static int curl_callback_result(HttpMulti *multi, int r)
{
        if (r >= 0)
                return 0;
        multi->error = r;
        return -1;
}

/* CURLMOPT_SOCKETFUNCTION; `socketp` is our event source for the socket. */
static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *userdata, void *socketp)
{
        HttpMulti *multi = userdata;
        sd_event_source *source = socketp;
        int r;

        if (what == CURL_POLL_REMOVE) {
                sd_event_source_disable_unref(source);
                return 0;
        }
        if (source)
                return curl_callback_result(
                        multi, sd_event_source_set_io_events(source, epoll_events(what)));

        r = log_errno_origin(
                sd_event_add_io(multi->event, &source, fd, epoll_events(what), on_io, multi));
        if (r < 0)
                return curl_callback_result(multi, r);
        curl_multi_assign(multi->curl, fd, source);
        return 0;
}

static int set_timer(CURLM *curl, long timeout_ms, void *userdata)
{
        HttpMulti *multi = userdata;
        int r;

        if (timeout_ms < 0)
                return curl_callback_result(
                        multi, sd_event_source_set_enabled(multi->timer, SD_EVENT_OFF));

        r = log_errno_origin(
                sd_event_source_set_time_relative(multi->timer, (uint64_t) timeout_ms * 1000));
        if (r >= 0)
                r = log_errno_origin(sd_event_source_set_enabled(multi->timer, SD_EVENT_ONESHOT));
        return curl_callback_result(multi, r);
}

int http_multi_new(sd_event *event, HttpMultiFunc on_end, HttpMultiErrorFunc on_error,
                   void *userdata, HttpMulti **ret)
{
        _cleanup_(http_multi_freep) HttpMulti *multi = calloc(1, sizeof(HttpMulti));
        int r;

        if (!multi)
                return -ENOMEM;
        multi->event = sd_event_ref(event);
        multi->on_end = on_end;
        multi->on_error = on_error;
        multi->userdata = userdata;

        r = log_errno_origin(sd_event_add_time(event, &multi->timer, CLOCK_MONOTONIC, 0, 1,
                                               on_curl_timeout, multi));
        if (r < 0)
                return r;
        r = log_errno_origin(sd_event_source_set_enabled(multi->timer, SD_EVENT_OFF));
        if (r < 0)
                return r;

        multi->curl = curl_multi_init();
        if (!multi->curl)
                return -ENOMEM;
        curl_multi_setopt(multi->curl, CURLMOPT_SOCKETFUNCTION, watch_socket);
        curl_multi_setopt(multi->curl, CURLMOPT_SOCKETDATA, multi);
        curl_multi_setopt(multi->curl, CURLMOPT_TIMERFUNCTION, set_timer);
        curl_multi_setopt(multi->curl, CURLMOPT_TIMERDATA, multi);
        curl_multi_setopt(multi->curl, CURLMOPT_MAX_CONCURRENT_STREAMS, STREAMS_MAX);

        *ret = TAKE_PTR(multi);
        return 0;
}

HttpMulti *http_multi_free(HttpMulti *multi)
{
        if (!multi)
                return NULL;
        /* Closing connections calls watch_socket() and set_timer(). */
        curl_multi_cleanup(multi->curl);
        sd_event_source_disable_unref(multi->timer);
        sd_event_unref(multi->event);
        free(multi);
        return NULL;
}

int http_multi_add(HttpMulti *multi, CURL *easy)
{
        CURLMcode c = curl_multi_add_handle(multi->curl, easy);

        if (c == CURLM_OK)
                return 0;
        return multi->error < 0 ? multi->error : -ENOMEM;
}

void http_multi_remove(HttpMulti *multi, CURL *easy)
{
        curl_multi_remove_handle(multi->curl, easy);
}

void http_multi_set_host_connections(HttpMulti *multi, long n)
{
        curl_multi_setopt(multi->curl, CURLMOPT_MAX_HOST_CONNECTIONS, n);
}

int http_multi_error(const HttpMulti *multi)
{
        return multi->error;
}
