/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <arpa/inet.h>
#include <curl/curl.h>

#include "client/passlockctl/host/http-proxy.h"

/* Dummy addresses: on_open() sees to which one libcurl would connect, and refuses the socket. */
#define PROXY_URL  "http://127.0.0.1:1"
#define PROXY_PORT 1
#define DIRECT     "::127.0.0.1:2"

static curl_socket_t on_open(void *userdata, curlsocktype purpose, struct curl_sockaddr *address)
{
        struct sockaddr_in peer;
        bool *proxy = userdata;

        if (address->family == AF_INET) {
                memcpy(&peer, &address->addr, sizeof(peer));
                *proxy = ntohs(peer.sin_port) == PROXY_PORT;
        }
        return CURL_SOCKET_BAD;
}

bool http_uses_proxy(const char *endpoint, const char *no_proxy)
{
        struct curl_slist *direct = curl_slist_append(NULL, DIRECT);
        CURL *easy = curl_easy_init();
        bool proxy = true;

        if (direct && easy) {
                curl_easy_setopt(easy, CURLOPT_URL, endpoint);
                curl_easy_setopt(easy, CURLOPT_PROXY, PROXY_URL);
                curl_easy_setopt(easy, CURLOPT_NOPROXY, no_proxy ?: "");
                curl_easy_setopt(easy, CURLOPT_CONNECT_TO, direct);
                curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
                curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
                curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, &proxy);
                (void) curl_easy_perform(easy);
        }
        curl_easy_cleanup(easy);
        curl_slist_free_all(direct);
        return proxy;
}
