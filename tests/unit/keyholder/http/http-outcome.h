/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "keyholder/http/http.h"

/* The result of an HTTP call, and an event loop that runs until it is known. */
typedef struct HttpOutcome {
        unsigned n_ended; /* how often the function ran */
        int r;
        unsigned status;
        uint32_t retry_after_s;
        uint64_t date_ms;
        char *body; /* owned */
        size_t body_len;
        HttpCall *call;
} HttpOutcome;

/* A GET of `path` from the peer on a port of 127.0.0.1, with room for a reply of 64 KiB. */
HttpRequest http_get(char *ret_url, size_t size, uint16_t port, const char *path);

/* An HttpFunc that stores the result in its HttpOutcome. */
void http_outcome_fill(int r, const HttpReply *reply, void *userdata);
void http_outcome_clear(HttpOutcome *outcome);

/* Runs the loop while the condition does not hold; fails the test after ten seconds. */
void run_until(sd_event *event, bool (*condition)(void *userdata), void *userdata);

/* Starts a call and runs the loop until it has ended; the outcome is overwritten. */
void http_outcome_get(sd_event *event, HttpClient *client, const HttpRequest *request,
                      HttpOutcome *outcome);
