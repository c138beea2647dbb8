/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <curl/curl.h>
#include <systemd/sd-event.h>

#include "base/macro.h"

/* curl's multi interface on sd-event: curl names sockets and timeouts, the event loop waits for
 * them. */
typedef struct HttpMulti HttpMulti;

/* A transfer has ended and must be removed now. Called from the event loop. May add and remove
 * transfers, but not free the multi. */
typedef void (*HttpMultiFunc)(CURL *easy, CURLcode code, void *userdata);

/*
 * The multi is unusable: the event loop could not watch a socket for curl, or curl ran out of
 * memory. None of its transfers will end; all must be removed now. `r` is the errno. Called like
 * HttpMultiFunc.
 */
typedef void (*HttpMultiErrorFunc)(HttpMulti *multi, int r, void *userdata);

/* Returns 0, -ENOMEM or another negative errno of sd-event. */
int http_multi_new(sd_event *event, HttpMultiFunc on_end, HttpMultiErrorFunc on_error,
                   void *userdata, HttpMulti **ret);
/* All transfers must have been removed. Closes the connections. Returns NULL. */
HttpMulti *http_multi_free(HttpMulti *multi);
DEFINE_CLEANUP(HttpMulti *, http_multi_free);

/* Starts a transfer on the event loop. The handle stays the caller's. Returns 0, -ENOMEM, or
 * http_multi_error(). */
int http_multi_add(HttpMulti *multi, CURL *easy);
void http_multi_remove(HttpMulti *multi, CURL *easy);

/* Limits the connections per host and port; unlimited by default. */
void http_multi_set_host_connections(HttpMulti *multi, long n);

/* The errno that made the multi unusable, or 0. */
int http_multi_error(const HttpMulti *multi);
