/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"
#include "dbus/error.h"

/*
 * The errors that the gate replies: those of dbus/error.h, and its own, which follow them.
 *
 *        name  HTTP status  name in JSON  text for people
 */
#define HTTP_ERROR_TABLE(X) \
        X(UNKNOWN_ROUTE, 404, "UnknownRoute", "There is no such route") \
        X(METHOD_NOT_ALLOWED, 405, "MethodNotAllowed", "The route has another HTTP method") \
        X(ORIGIN_REFUSED, 403, "OriginRefused", "Requests of browsers are refused") \
        X(BODY_TOO_LARGE, 413, "BodyTooLarge", "The body is longer than 64 KiB") \
        X(INTERNAL, 500, "Internal", "The gate failed to process the request") \
        X(UNSUPPORTED, 501, "Unsupported", "This version of passlockd does not have the method") \
        X(REPLY_LOST, 502, "ReplyLost", \
          "passlockd or the bus went away before the reply; the call may have been executed") \
        X(UNAVAILABLE, 503, "Unavailable", "passlockd or the bus is not running") \
        X(TIMED_OUT, 504, "TimedOut", "No reply before the timeout; the call may be executed") \
        X(OLD_VERSION, 505, "HttpVersionNotSupported", "A stream needs HTTP/1.1")

typedef enum HttpError {
        HTTP_ERROR_FIRST = ERROR_MAX,
#define X(name, status, json_name, text) HTTP_ERROR_##name,
        HTTP_ERROR_TABLE(X)
#undef X
                HTTP_ERROR_END,
} HttpError;

/* The error of a result of a function: an Error, an HttpError or a negative errno. */
int http_error_from_result(int r);

/* Static strings. */
const char *http_error_name(int error);
const char *http_error_text(int error);
unsigned http_error_status(int error);

/* The seconds at the end of "...; retry after N s"; 0 without. */
uint32_t http_error_retry_after_s(const char *text);
