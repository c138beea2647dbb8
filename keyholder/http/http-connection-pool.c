/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "keyholder/http/http-connection-pool.h"

HttpConnectionPool *http_connection_pool_free(HttpConnectionPool *pool)
{
        if (!pool)
                return NULL;
        assert(pool->n_calls == 0);
        http_transfer_cache_unref(pool->transfers);
        http_multi_free(pool->multi);
        free(pool);
        return NULL;
}

static HttpTrust stat_certificate(const HttpTrustFiles *files)
{
        return files->cert_file ? http_trust_stat(files->cert_file) : (HttpTrust){};
}

int http_connection_pool_new(sd_event *event, const HttpTrustFiles *files, HttpMultiFunc on_end,
                             HttpMultiErrorFunc on_error, void *userdata, HttpConnectionPool **ret)
{
        _cleanup_(http_connection_pool_freep) HttpConnectionPool *pool =
                calloc(1, sizeof(HttpConnectionPool));
        int r;

        if (!pool)
                return -ENOMEM;
        pool->trust = http_trust_stat(files->ca_file);
        pool->proxy = http_trust_stat(NULL);
        pool->certificate = stat_certificate(files);
        r = http_transfer_cache_new(event, &pool->transfers);
        if (r < 0)
                return r;
        r = http_multi_new(event, on_end, on_error, userdata, &pool->multi);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(pool);
        return 0;
}

bool http_connection_pool_is_usable(const HttpConnectionPool *pool, const HttpTrustFiles *files,
                                    bool tls)
{
        HttpTrust trust, proxy, certificate;

        if (http_multi_error(pool->multi) < 0)
                return false;
        if (!tls)
                return true;
        trust = http_trust_stat(files->ca_file);
        proxy = files->ca_file ? http_trust_stat(NULL) : trust;
        certificate = stat_certificate(files);
        return http_trust_equal(&pool->trust, &trust) && http_trust_equal(&pool->proxy, &proxy) &&
               http_trust_equal(&pool->certificate, &certificate);
}

void http_connection_pool_list_free_idle(HttpConnectionPoolList *pools,
                                         const HttpConnectionPool *current)
{
        HttpConnectionPool *pool = TAILQ_FIRST(pools);

        while (pool) {
                HttpConnectionPool *next = TAILQ_NEXT(pool, entry);

                if (pool != current && pool->n_calls == 0) {
                        TAILQ_REMOVE(pools, pool, entry);
                        http_connection_pool_free(pool);
                }
                pool = next;
        }
}
