/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tests/unit/daemon/etcd/scripted-transport.h"
#include "tests/unit/test.h"

unsigned script_n_endpoints;
int script_start_r;
EtcdExchange *script_exchanges;

static unsigned n_endpoints(void *userdata)
{
        return script_n_endpoints;
}

static int start(void *userdata, const EtcdRequest *request, EtcdDataFunc data, EtcdReplyFunc reply,
                 void *func_userdata, EtcdExchange **ret)
{
        EtcdExchange *exchange;

        assert_int_equal(strlen(request->body), request->body_len);
        assert_true(request->timeout_ms > 0);
        if (script_start_r < 0)
                return script_start_r;
        exchange = calloc(1, sizeof(EtcdExchange));
        assert_non_null(exchange);
        exchange->path = request->path;
        exchange->endpoint = request->endpoint;
        exchange->body = strdup(request->body);
        exchange->timeout_ms = request->timeout_ms;
        exchange->require_leader = request->require_leader;
        exchange->data = data;
        exchange->reply = reply;
        exchange->userdata = func_userdata;
        exchange->next = script_exchanges;
        script_exchanges = exchange;
        *ret = exchange;
        return 0;
}

static void cancel(EtcdExchange *exchange)
{
        EtcdExchange **at = &script_exchanges;

        while (*at && *at != exchange)
                at = &(*at)->next;
        assert_non_null(*at);
        *at = exchange->next;
        free(exchange->body);
        free(exchange);
}

const EtcdTransport script_transport = {
        .n_endpoints = n_endpoints,
        .start = start,
        .cancel = cancel,
};

void script_reset(void)
{
        assert_null(script_exchanges);
        script_n_endpoints = 3;
        script_start_r = 0;
}

void script_run_ready(sd_event *event)
{
        int r;

        do {
                r = sd_event_run(event, 0);
                assert_true(r >= 0);
        } while (r > 0);
}

EtcdExchange *script_find(EtcdPath path, unsigned endpoint, const char *text)
{
        for (EtcdExchange *e = script_exchanges; e; e = e->next)
                if (e->path == path && e->endpoint == endpoint && strstr(e->body, text))
                        return e;
        return NULL;
}

EtcdExchange *script_await(sd_event *event, EtcdPath path, unsigned endpoint, const char *text)
{
        script_run_until(event, script_find(path, endpoint, text));
        return script_find(path, endpoint, text);
}

void script_reply(EtcdExchange *exchange, int r, unsigned status, const char *body)
{
        EtcdReplyFunc reply = exchange->reply;
        void *userdata = exchange->userdata;

        cancel(exchange);
        reply(r, status, body, body ? strlen(body) : 0, userdata);
}

void script_line(EtcdExchange *exchange, const char *line)
{
        EtcdDataFunc data = exchange->data;
        void *userdata = exchange->userdata;
        size_t len = strlen(line);
        char *copy = malloc(len + 1);

        assert_non_null(copy);
        memcpy(copy, line, len);
        copy[len] = '\n';
        data(copy, len + 1, userdata);
        free(copy);
}
