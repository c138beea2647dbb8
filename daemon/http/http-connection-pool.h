/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/queue.h>

#include "daemon/http/http-multi.h"
#include "daemon/http/http-trust.h"

/*
 * The connections that a client makes in a row belong to a pool, and so do the trust anchors
 * that curl has parsed for them. Later calls begin a new pool, and thereby a new connection,
 * - when a request was sent and its time ran out before anything at all came back on any of the
 *   connections: they may be dead without the kernel knowing;
 * - when the file with the trust anchors is not the one that it was: a connection shall not outlive
 *   the trust in its peer by more than the calls that are on it;
 * - when this side was short of something: curl takes some of that for a property of the machine,
 *   such as to have no IPv6.
 * Calls on the old connections are left to their own deadlines; the connections are closed when the
 * last of these has ended.
 */
typedef struct HttpConnectionPool {
        HttpMulti *multi;
        HttpTrust trust; /* as it was before curl looked */
        size_t n_calls;
        uint64_t n_heard;
        TAILQ_ENTRY(HttpConnectionPool) entry;
} HttpConnectionPool;

typedef TAILQ_HEAD(HttpConnectionPoolList, HttpConnectionPool) HttpConnectionPoolList;

/* The functions are those of http_multi_new(), and so is what it returns. */
int http_connection_pool_new(sd_event *event, const char *ca_file, HttpMultiFunc on_end,
                             HttpMultiBreakFunc on_break, void *userdata, HttpConnectionPool **ret);
/* It has no calls any more. Returns NULL. */
HttpConnectionPool *http_connection_pool_free(HttpConnectionPool *pool);
DEFINE_CLEANUP(HttpConnectionPool *, http_connection_pool_free);

/* Whether it is fit for new calls. Those without TLS trust nobody. */
bool http_connection_pool_is_usable(const HttpConnectionPool *pool, const char *ca_file, bool tls);

/* Frees those that have no calls any more, but not `current`. */
void http_connection_pool_list_free_idle(HttpConnectionPoolList *pools,
                                         const HttpConnectionPool *current);
