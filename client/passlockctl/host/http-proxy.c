/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <arpa/inet.h>

#include "client/passlockctl/host/http-proxy.h"
#include "client/passlockctl/host/libcurl.h"

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
        struct curl_slist *direct = sym_curl_slist_append(NULL, DIRECT);
        CURL *easy = sym_curl_easy_init();
        bool proxy = true;

        if (direct && easy) {
                sym_curl_easy_setopt(easy, CURLOPT_URL, endpoint);
                sym_curl_easy_setopt(easy, CURLOPT_PROXY, PROXY_URL);
                sym_curl_easy_setopt(easy, CURLOPT_NOPROXY, no_proxy ?: "");
                sym_curl_easy_setopt(easy, CURLOPT_CONNECT_TO, direct);
                sym_curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
                sym_curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
                sym_curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, &proxy);
                (void) sym_curl_easy_perform(easy);
        }
        sym_curl_easy_cleanup(easy);
        sym_curl_slist_free_all(direct);
        return proxy;
}
