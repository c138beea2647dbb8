/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <curl/curl.h>
#include <systemd/sd-event.h>

#include "base/macro.h"

/*
 * A set of curl transfers that share their connections, driven by an event loop: curl says which
 * sockets and what time it waits for, the loop tells curl when they come.
 */
typedef struct HttpMulti HttpMulti;

/*
 * A transfer has ended; its owner removes it now. Runs from the event loop, never from within a
 * function below. It may add and remove transfers, but not free the multi.
 */
typedef void (*HttpMultiFunc)(CURL *easy, CURLcode code, void *userdata);

/*
 * The multi has broken: the loop refused to watch something for curl, or curl had no memory to keep
 * account of it. Nothing comes of its transfers any more, and their owner removes all of them now.
 * `r` is the errno. Runs as the former.
 */
typedef void (*HttpMultiBreakFunc)(HttpMulti *multi, int r, void *userdata);

/* Returns 0, -ENOMEM or another negative errno of sd-event. */
int http_multi_new(sd_event *event, HttpMultiFunc on_end, HttpMultiBreakFunc on_break,
                   void *userdata, HttpMulti **ret);
/* All transfers must have been removed. Closes the connections. Returns NULL. */
HttpMulti *http_multi_free(HttpMulti *multi);
DEFINE_CLEANUP(HttpMulti *, http_multi_free);

/* Starts a transfer, from the event loop on. The handle stays the caller's. Returns 0, -ENOMEM, or
 * what http_multi_error() does. */
int http_multi_add(HttpMulti *multi, CURL *easy);
void http_multi_remove(HttpMulti *multi, CURL *easy);

/* How many connections there may be to one host and port; any number until told. */
void http_multi_set_host_connections(HttpMulti *multi, long n);

/* The errno with which it broke, or 0. */
int http_multi_error(const HttpMulti *multi);
