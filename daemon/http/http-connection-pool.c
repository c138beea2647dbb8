/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "daemon/http/http-connection-pool.h"

HttpConnectionPool *http_connection_pool_free(HttpConnectionPool *generation)
{
        if (!generation)
                return NULL;
        http_multi_free(generation->multi);
        free(generation);
        return NULL;
}

int http_connection_pool_new(sd_event *event, const char *ca_file, HttpMultiFunc on_end,
                             HttpMultiBreakFunc on_break, void *userdata, HttpConnectionPool **ret)
{
        _cleanup_(http_connection_pool_freep) HttpConnectionPool *generation =
                calloc(1, sizeof(HttpConnectionPool));
        int r;

        if (!generation)
                return -ENOMEM;
        generation->trust = http_trust_stat(ca_file);
        generation->proxy = http_trust_stat(NULL);
        r = http_multi_new(event, on_end, on_break, userdata, &generation->multi);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(generation);
        return 0;
}

bool http_connection_pool_is_usable(const HttpConnectionPool *generation, const char *ca_file,
                                    bool tls)
{
        HttpTrust trust, proxy;

        if (http_multi_error(generation->multi) < 0)
                return false;
        if (!tls)
                return true;
        trust = http_trust_stat(ca_file);
        proxy = ca_file ? http_trust_stat(NULL) : trust;
        return http_trust_equal(&generation->trust, &trust) &&
               http_trust_equal(&generation->proxy, &proxy);
}

void http_connection_pool_list_free_idle(HttpConnectionPoolList *generations,
                                         const HttpConnectionPool *current)
{
        HttpConnectionPool *generation = TAILQ_FIRST(generations);

        while (generation) {
                HttpConnectionPool *next = TAILQ_NEXT(generation, entry);

                if (generation != current && generation->n_calls == 0) {
                        TAILQ_REMOVE(generations, generation, entry);
                        http_connection_pool_free(generation);
                }
                generation = next;
        }
}
