/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * call-curl ENDPOINT CA_FILE CALL IN_FLIGHT SECONDS
 *
 * The HTTP requests of Authorize or Exchange with nothing but libcurl: one process that holds the
 * key, one connection, IN_FLIGHT requests at a time, and replies that are not parsed.
 * After a warm-up, prints latencies, requests a second and the CPU time of this process.
 */

#include <curl/curl.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/macro.h"
#include "tests/load/load-report.h"

#define BODY \
        "{\"rpId\":\"shop.example.com\",\"rpName\":\"shop.example.com\"," \
        "\"userId\":\"load-user\",\"username\":\"load-user\"}"

typedef struct Slot {
        CURL *easy;
        double begin;
        size_t reply_len;
} Slot;

static LoadReport report;
static const char *endpoint;
static bool exchanges;
static CURLM *multi;
static int epoll = -1;
static long timeout_ms = -1;
static unsigned in_flight;

static size_t on_body(char *data _unused_, size_t size, size_t n, void *userdata)
{
        Slot *slot = userdata;

        slot->reply_len += size * n;
        return size * n;
}

static int watch_socket(CURL *easy _unused_, curl_socket_t fd, int what, void *userdata _unused_,
                        void *socketp)
{
        struct epoll_event event = {
                .events = (what & CURL_POLL_IN ? (uint32_t) EPOLLIN : 0) |
                          (what & CURL_POLL_OUT ? (uint32_t) EPOLLOUT : 0),
                .data.fd = fd,
        };

        if (what == CURL_POLL_REMOVE) {
                (void) epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL);
                return 0;
        }
        if (epoll_ctl(epoll, socketp ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) < 0)
                err(EXIT_FAILURE, "Failed to watch a socket");
        curl_multi_assign(multi, fd, &epoll);
        return 0;
}

static int set_timer(CURLM *m _unused_, long ms, void *userdata _unused_)
{
        timeout_ms = ms;
        return 0;
}

static void start(Slot *slot)
{
        static unsigned n;
        char url[256];

        if (exchanges)
                snprintf(url, sizeof(url), "%s/v2/bench/principal/b%d-%u", endpoint, getpid(), n++);
        else
                snprintf(url, sizeof(url), "%s/v2/bench/passkey/registration/authorize", endpoint);
        curl_easy_setopt(slot->easy, CURLOPT_URL, url);
        slot->begin = now_s();
        slot->reply_len = 0;
        curl_multi_add_handle(multi, slot->easy);
        in_flight++;
}

static void make_easy(Slot *slot, const char *ca_file, struct curl_slist *headers)
{
        CURL *easy = curl_easy_init();

        slot->easy = easy;
        curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file);
        curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_2TLS);
        curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
        curl_easy_setopt(easy, CURLOPT_WRITEDATA, slot);
        curl_easy_setopt(easy, CURLOPT_PRIVATE, slot);
        if (!exchanges)
                curl_easy_setopt(easy, CURLOPT_POSTFIELDS, BODY);
}

static void end_requests(void)
{
        CURLMsg *message;
        int n_left;

        while ((message = curl_multi_info_read(multi, &n_left))) {
                CURL *easy = message->easy_handle;
                CURLcode code = message->data.result;
                long status = 0;
                Slot *slot;

                curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **) &slot);
                curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
                if (code != CURLE_OK && report.samples.n_failed == 0)
                        warnx("The request failed: %s", curl_easy_strerror(code));
                curl_multi_remove_handle(multi, easy);
                in_flight--;
                load_report_add(&report, slot->begin, code != CURLE_OK || status != 200);
                if (load_report_is_running(&report))
                        start(slot);
        }
}

static void call(Slot *slots, unsigned n_slots, double seconds)
{
        int n_running;

        load_report_begin(&report, seconds);
        for (unsigned i = 0; i < n_slots; i++)
                start(&slots[i]);
        while (in_flight > 0) {
                struct epoll_event events[8];
                int n = epoll_wait(epoll, events, ARRAY_SIZE(events), (int) timeout_ms);

                if (n == 0) {
                        timeout_ms = -1;
                        curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &n_running);
                }
                for (int i = 0; i < n; i++)
                        curl_multi_socket_action(
                                multi, events[i].data.fd,
                                (events[i].events & EPOLLIN ? CURL_CSELECT_IN : 0) |
                                        (events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                                        (events[i].events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR
                                                                                  : 0),
                                &n_running);
                end_requests();
        }
}

int main(int argc, char *argv[])
{
        struct curl_slist *headers = NULL;
        Slot *slots;
        unsigned n;

        if (argc != 6)
                errx(EXIT_FAILURE, "usage: call-curl ENDPOINT CA_FILE CALL IN_FLIGHT SECONDS");
        endpoint = argv[1];
        exchanges = !streq(argv[3], "Authorize");
        n = (unsigned) atoi(argv[4]);
        slots = calloc(n, sizeof(Slot));
        epoll = epoll_create1(EPOLL_CLOEXEC);
        multi = curl_multi_init();
        if (!slots || epoll < 0 || !multi)
                errx(EXIT_FAILURE, "Failed to start");
        curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
        curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, set_timer);
        curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS, 1L);
        curl_multi_setopt(multi, CURLMOPT_MAX_CONCURRENT_STREAMS, 1000L);
        headers = curl_slist_append(headers, "Accept: application/json");
        headers = curl_slist_append(headers, "Content-Type: application/json");
        headers = curl_slist_append(headers, "Authorization: Bearer bench");
        headers = curl_slist_append(headers, "Expect:");

        for (unsigned i = 0; i < n; i++)
                make_easy(&slots[i], argv[2], headers);
        call(slots, n, 0);
        call(slots, n, atof(argv[5]));
        load_report_print(&report);

        for (unsigned i = 0; i < n; i++)
                curl_easy_cleanup(slots[i].easy);
        curl_multi_cleanup(multi);
        curl_slist_free_all(headers);
        free(slots);
        close(epoll);
        return fflush(stdout) < 0;
}
