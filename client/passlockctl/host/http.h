/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/secret.h"

/*
 * One GET of the HTTP API, asked by ourselves instead of by the daemon: to try a key that it does
 * not have yet, and to find out why it gets no answer. TLS is always verified.
 */

typedef enum HttpOutcome {
        HTTP_RESPONDED,
        HTTP_NO_CONNECTION, /* no name, no route, nobody there, too slow */
        HTTP_NO_TLS,        /* no handshake */
        HTTP_NO_TRUST,      /* a certificate that is not acceptable */
} HttpOutcome;

typedef struct HttpResponse {
        HttpOutcome outcome;
        int status;   /* of an answer: 200, 403, ... */
        char tag[64]; /* of an error: the `_tag` of its body, for api_status_to_error(); or "" */
        int64_t date_sec; /* what time it is there, since the epoch; -1: it does not say */
        bool tls;
        char text[256]; /* of a failure, for people */
} HttpResponse;

typedef struct HttpRequest {
        const char *endpoint; /* an origin */
        const char *path;     /* that goes after it */
        const Secret *key;    /* NULL: none; over plain http it is sent to this host only */
        const char *ca_file;  /* NULL: the system's */
        const char *proxy;    /* NULL: none, whatever our environment has */
        uint32_t timeout_ms;
} HttpRequest;

/* Returns 0, or -ENOMEM, or -EINVAL for what is no endpoint, or a CA file that cannot be read. */
int http_get(const HttpRequest *request, HttpResponse *ret);

/* The host of an endpoint, without brackets and port, to be given to free(). NULL for lack of
 * memory.
 */
char *http_host(const char *endpoint);

/* A segment of a path, to be given to free(). NULL for lack of memory. */
char *http_escape(const char *segment);
