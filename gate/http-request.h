/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gate/http-reply.h"

#define HTTP_BODY_MAX 65536U

/*
 * An HTTP request in libmicrohttpd. While its operation is pending, its connection is suspended.
 *
 *     body read ──▶ on_request() ──▶ reply
 *                        │              ▲
 *                        └──▶ pending ──┘ http_request_reply()
 */
typedef struct HttpRequest {
        struct HttpConnection *connection;
        struct MHD_Connection *mhd;
        const char *method; /* borrowed from MHD */
        const char *path;
        const char *version;
        TextBuffer body;
        bool begun; /* the headers are read */
        bool body_too_large;
        bool served; /* on_request() was called */
        bool suspended;
        bool aborted;    /* the client disconnected, or the server stops */
        HttpReply reply; /* without a response: pending */
        /* Ends the operation, once: when the request ends for any reason. NULL: none. */
        void (*end)(struct HttpRequest *request, void *operation);
        void *operation;
} HttpRequest;

/* Replies to a pending request. Takes the reply. */
void http_request_reply(HttpRequest *request, HttpReply reply);

/* Suspends and resumes the connection; both do nothing if it is already. */
void http_request_suspend(HttpRequest *request);
void http_request_resume(HttpRequest *request);

/* Ends the request without a reply, or in the middle of it. */
void http_request_abort(HttpRequest *request);

/* The header's value, or NULL. */
const char *http_request_header(const HttpRequest *request, const char *name);

/*
 * Gets the only query parameter that requests may have; NULL without it. Returns 0, or
 * ERROR_INVALID_ARGS for a repeated one and for others.
 */
int http_request_parameter(const HttpRequest *request, const char *name, const char **ret);

/* Callbacks of libmicrohttpd; `userdata` is the HttpServer. */
void *http_request_on_line(void *userdata, const char *uri, struct MHD_Connection *mhd);
enum MHD_Result http_request_on_access(void *userdata, struct MHD_Connection *mhd, const char *path,
                                       const char *method, const char *version, const char *data,
                                       size_t *data_len, void **request);
void http_request_on_completed(void *userdata, struct MHD_Connection *mhd, void **request,
                               enum MHD_RequestTerminationCode how);
