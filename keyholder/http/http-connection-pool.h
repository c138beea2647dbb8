/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/queue.h>

#include "keyholder/http/http-multi.h"
#include "keyholder/http/http-transfer-cache.h"
#include "keyholder/http/http-trust.h"

/*
 * A pool of connections, with the trust anchors that curl parsed for them. New calls get a new
 * pool, and so a new connection,
 * - when a request timed out without any byte received on the pool's connections: the connections
 *   may be dead without the kernel knowing;
 * - when the CA file or the client certificate has changed: no new call may use a connection to a
 * peer whose CA was withdrawn;
 * - after a resource shortage: curl caches some of its symptoms, such as "no IPv6".
 * Calls in an old pool run until their own deadlines; then its connections are closed.
 */
typedef struct HttpConnectionPool {
        HttpMulti *multi;
        HttpTransferCache *transfers; /* with TLS sessions, which are not verified again */
        HttpTrust trust;              /* as of before curl reads the file */
        HttpTrust proxy;       /* of the system's trust anchors, which verify an https:// proxy */
        HttpTrust certificate; /* of the client certificate */
        size_t n_calls;
        uint64_t n_received;
        TAILQ_ENTRY(HttpConnectionPool) entry;
} HttpConnectionPool;

typedef TAILQ_HEAD(HttpConnectionPoolList, HttpConnectionPool) HttpConnectionPoolList;

/* The files of a client's connections. */
typedef struct HttpTrustFiles {
        char *ca_file;   /* NULL: the system's trust anchors */
        char *cert_file; /* client certificate; NULL: none */
} HttpTrustFiles;

/* Callbacks and result are those of http_multi_new(). */
int http_connection_pool_new(sd_event *event, const HttpTrustFiles *files, HttpMultiFunc on_end,
                             HttpMultiErrorFunc on_error, void *userdata, HttpConnectionPool **ret);
/* The pool must have no calls. Returns NULL. */
HttpConnectionPool *http_connection_pool_free(HttpConnectionPool *pool);
DEFINE_CLEANUP(HttpConnectionPool *, http_connection_pool_free);

/* Whether new calls may use the pool. Calls without TLS need no trust anchors. */
bool http_connection_pool_is_usable(const HttpConnectionPool *pool, const HttpTrustFiles *files,
                                    bool tls);

/* Frees all pools without calls, except `current`. */
void http_connection_pool_list_free_idle(HttpConnectionPoolList *pools,
                                         const HttpConnectionPool *current);
