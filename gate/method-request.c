/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "client/libpasslock/methods/forward.h"
#include "gate/http-error.h"
#include "gate/json-arguments.h"
#include "gate/json-reply.h"
#include "gate/method-request.h"

/* The operation of a request: a call on the bus. */
typedef struct MethodRequest {
        Gate *gate;
        HttpRequest *request;
        const GateMethod *method;
        JsonArguments arguments;
        passlock_call *call; /* NULL: not begun, or ended */
} MethodRequest;

static MethodRequest *method_request_free(MethodRequest *m)
{
        passlock_call_cancel(m->call);
        json_arguments_done(&m->arguments);
        free(m);
        return NULL;
}

static void on_end(HttpRequest *request, void *operation)
{
        method_request_free(operation);
}

/* Counts the call, and replies. */
static void finish(MethodRequest *m, HttpReply reply)
{
        metrics_count_call(&m->gate->metrics, (size_t) (m->method - gate_methods), reply.error);
        http_request_reply(m->request, reply);
}

static HttpReply reply_of_message(const GateMethod *method, sd_bus_message *message)
{
        TextBuffer body = {};
        int r;

        r = json_reply_append(message, method->out, &body);
        if (r == 0)
                return http_reply_text(&body, HTTP_TYPE_JSON);
        text_buffer_done(&body);
        return http_reply_error(r, NULL);
}

static void on_reply(passlock *client, int r, const char *error_text, sd_bus_message *message,
                     void *userdata)
{
        MethodRequest *m = userdata;

        m->call = NULL;
        finish(m, r == 0 ? reply_of_message(m->method, message) : http_reply_error(r, error_text));
}

static int append_arguments(sd_bus_message *message, void *userdata)
{
        MethodRequest *m = userdata;

        return json_arguments_append(message, &m->arguments);
}

static int begin(MethodRequest *m)
{
        int r;

        r = json_arguments_parse(m->request->body.s, m->request->body.len, m->method,
                                 &m->arguments);
        text_buffer_done(&m->request->body);
        if (r != 0)
                return r;
        return forward_begin(m->gate->client, &m->gate->methods[m->method - gate_methods],
                             append_arguments, on_reply, m, &m->call);
}

void method_request_begin(Gate *gate, HttpRequest *request, const GateMethod *method)
{
        MethodRequest *m = calloc(1, sizeof(MethodRequest));
        int r;

        if (!m) {
                http_request_reply(request, http_reply_error(-ENOMEM, NULL));
                return;
        }
        *m = (MethodRequest){.gate = gate, .request = request, .method = method};
        request->operation = m;
        request->end = on_end;
        r = begin(m);
        if (r != 0)
                finish(m,
                       http_reply_error(r, isempty(m->arguments.flaw) ? NULL : m->arguments.flaw));
}
