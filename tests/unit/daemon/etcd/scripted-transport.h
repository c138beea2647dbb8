/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "daemon/etcd/etcd-transport.h"

/* An EtcdTransport whose replies a test chooses. There is one. */

struct EtcdExchange {
        EtcdPath path;
        unsigned endpoint;
        char *body;
        uint64_t timeout_ms;
        bool require_leader;
        EtcdDataFunc data; /* NULL: not a stream */
        EtcdReplyFunc reply;
        void *userdata;
        EtcdExchange *next;
};

extern unsigned script_n_endpoints;
extern int script_start_r; /* of start() */
/* Requests without a reply, newest first. */
extern EtcdExchange *script_exchanges;
extern const EtcdTransport script_transport;

/* Three endpoints, and no requests: those in flight must have been cancelled. */
void script_reset(void);

/* Runs the event loop until a condition holds; fails after ten seconds. */
#define script_run_until(event, condition) \
        do { \
                for (unsigned _i = 0; !(condition); _i++) { \
                        assert_true(_i < 10000); \
                        assert_true(sd_event_run((event), 1000) >= 0); \
                } \
        } while (0)

/* Runs the event loop until there is nothing to do immediately. */
void script_run_ready(sd_event *event);

/* The request to an endpoint whose body contains the text, or NULL. */
EtcdExchange *script_find(EtcdPath path, unsigned endpoint, const char *text);
/* Waits for it. */
EtcdExchange *script_await(sd_event *event, EtcdPath path, unsigned endpoint, const char *text);

/* Ends the request. */
void script_reply(EtcdExchange *exchange, int r, unsigned status, const char *body);
/* Sends a line of a stream. */
void script_line(EtcdExchange *exchange, const char *line);
