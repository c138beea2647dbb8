/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/secret.h"
#include "client/passlockctl/host/http-tag.h"

/*
 * One GET request to the HTTP API, made by passlockctl instead of the daemon: to test a new key,
 * and to diagnose connection failures. TLS is always verified.
 */

typedef enum HttpOutcome {
        HTTP_RESPONDED,     /* a status; the body of an error may be truncated */
        HTTP_NO_CONNECTION, /* name resolution, route, refused or timeout */
        HTTP_NO_TLS,        /* TLS handshake failed */
        HTTP_NO_TRUST,      /* certificate rejected */
} HttpOutcome;

typedef struct HttpResponse {
        HttpOutcome outcome;
        int status;              /* HTTP status: 200, 403, ... */
        char tag[HTTP_TAG_SIZE]; /* `_tag` of the body; "": missing or truncated */
        int64_t date_sec;        /* Date header, since the epoch; -1: missing */
        bool tls;
        char text[256]; /* error message */
} HttpResponse;

typedef struct HttpRequest {
        const char *endpoint; /* scheme, host and port */
        const char *path;     /* absolute path */
        const Secret *key;    /* NULL: none; over plain HTTP only sent to loopback */
        const char *ca_file;  /* NULL: system CAs */
        const char *proxy;    /* NULL: none, regardless of the environment */
        uint32_t timeout_ms;
} HttpRequest;

/*
 * Loads libcurl, before any other function of this file and http-proxy.h. Returns 0, or -ELIBACC
 * with an error message.
 */
int http_load(const char **ret_error);

/* Returns 0, -ENOMEM, or -EINVAL for an invalid endpoint or unreadable CA file. */
int http_get(const HttpRequest *request, HttpResponse *ret);

/* Host name or address of an endpoint, without brackets and port. Free with free(). NULL if out of
 * memory. */
char *http_host(const char *endpoint);

/* Percent-encodes a path segment. Free with free(). NULL if out of memory. */
char *http_escape(const char *segment);
