/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/secret.h"

/*
 * One GET of the HTTP API, asked by ourselves instead of by the daemon: to try a key that it does
 * not have yet, and to find out why it gets no answer. TLS is always verified.
 */

typedef enum HttpOutcome {
        HTTP_ANSWERED,
        HTTP_NO_CONNECTION, /* no name, no route, nobody there, too slow */
        HTTP_NO_TLS,        /* no handshake */
        HTTP_NO_TRUST,      /* a certificate that is not acceptable */
} HttpOutcome;

typedef struct HttpAnswer {
        HttpOutcome outcome;
        int status;       /* of an answer: 200, 403, ... */
        int64_t date_sec; /* what time it is there, since the epoch; -1: it does not say */
        bool tls;
        char text[256]; /* of a failure, for people */
} HttpAnswer;

/*
 * `endpoint` is an origin and `path` goes after it. `key` may be NULL; over plain http it is sent
 * to this host only. `ca_file` may be NULL for the system's. Returns 0, or -ENOMEM, or -EINVAL for
 * what is no endpoint, or a CA file that cannot be read.
 */
int http_get(const char *endpoint, const char *path, const Secret *key, const char *ca_file,
             uint32_t timeout_ms, HttpAnswer *ret);

/* A segment of a path, to be given to free(). NULL for lack of memory. */
char *http_escape(const char *segment);
