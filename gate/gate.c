/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/log.h"
#include "client/libpasslock/methods/forward.h"
#include "gate/gate.h"
#include "gate/http-error.h"
#include "gate/method.h"
#include "gate/routes.h"

static int on_client(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        Gate *gate = userdata;
        int r;

        r = passlock_dispatch(gate->client);
        link_streams_flush(&gate->streams);
        if (r < 0)
                log_warning("Failed to process messages of the bus: %s", strerror(-r));
        return 0;
}

static int on_idle(sd_event_source *source, uint64_t usec, void *userdata)
{
        const Gate *gate = userdata;

        return http_server_connections(gate->server) > 0 ? 0 : sd_event_exit(gate->event, 0);
}

static void on_request(HttpRequest *request, void *userdata)
{
        route_request(userdata, request);
}

static void arm_idle(Gate *gate)
{
        if (!gate->idle)
                return;
        (void) sd_event_source_set_time_relative(gate->idle, gate->exit_idle_usec);
        (void) sd_event_source_set_enabled(gate->idle, SD_EVENT_ONESHOT);
}

static void on_connections(size_t n, void *userdata)
{
        Gate *gate = userdata;

        if (n > 0)
                return;
        arm_idle(gate);
        if (gate->stopping)
                (void) sd_event_exit(gate->event, 0);
}

static void on_tick(void *userdata)
{
        Gate *gate = userdata;

        link_streams_tick(&gate->streams);
}

static const HttpServerHandlers handlers = {
        .on_request = on_request,
        .on_connections = on_connections,
        .on_tick = on_tick,
};

static int gate_describe_methods(Gate *gate)
{
        gate->methods = calloc(gate_methods_len, sizeof(Method));
        if (!gate->methods)
                return -ENOMEM;
        for (size_t i = 0; i < gate_methods_len; i++)
                gate->methods[i] =
                        forward_method(gate_methods[i].interface, gate_methods[i].member);
        return 0;
}

static int gate_open_client(Gate *gate)
{
        int r;

        r = passlock_new(&gate->client);
        if (r == 0)
                r = passlock_set_tenancy(gate->client, gate->default_label);
        if (r == 0)
                r = sd_event_add_io(gate->event, &gate->client_source,
                                    passlock_get_fd(gate->client), EPOLLIN, on_client, gate);
        return r < 0 ? r : 0;
}

static int gate_add_idle(Gate *gate, unsigned sec)
{
        gate->exit_idle_usec = sec * UINT64_C(1000000);
        return sec > 0 ? sd_event_add_time_relative(gate->event, &gate->idle, CLOCK_MONOTONIC,
                                                    gate->exit_idle_usec, 0, on_idle, gate)
                       : 0;
}

static int gate_open(Gate *gate, int fd, unsigned exit_idle_sec)
{
        int r;

        r = gate_describe_methods(gate);
        if (r == 0)
                r = gate_open_client(gate);
        if (r == 0)
                r = gate_add_idle(gate, exit_idle_sec);
        if (r < 0) {
                close(fd);
                return r;
        }
        link_streams_init(&gate->streams, gate->client);
        return http_server_new(gate->event, fd, &handlers, gate, &gate->server);
}

int gate_new(sd_event *event, int fd, const char *label, unsigned exit_idle_sec, Gate **ret)
{
        _cleanup_(gate_freep) Gate *gate = calloc(1, sizeof(Gate));
        int r;

        if (!gate) {
                close(fd);
                return -ENOMEM;
        }
        gate->event = sd_event_ref(event);
        gate->default_label = label;
        r = gate_open(gate, fd, exit_idle_sec);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(gate);
        return 0;
}

void gate_stop(Gate *gate)
{
        if (gate->stopping)
                return;
        gate->stopping = true;
        http_server_stop(gate->server);
        link_streams_stop(&gate->streams);
        if (http_server_connections(gate->server) == 0)
                (void) sd_event_exit(gate->event, 0);
}

int gate_select_tenancy(Gate *gate, const HttpRequest *request, const char **ret_label)
{
        const char *label = NULL;
        int r;

        r = http_request_parameter(request, "tenancy", &label);
        if (r == 0)
                r = passlock_set_tenancy(gate->client, label ?: gate->default_label);
        if (r != 0)
                return r == -EINVAL ? ERROR_INVALID_ARGS : r;
        *ret_label = label ?: gate->default_label;
        return 0;
}

Gate *gate_free(Gate *gate)
{
        if (!gate)
                return NULL;
        http_server_free(gate->server);
        sd_event_source_disable_unref(gate->client_source);
        sd_event_source_disable_unref(gate->idle);
        passlock_unref(gate->client);
        free(gate->methods);
        metrics_done(&gate->metrics);
        sd_event_unref(gate->event);
        free(gate);
        return NULL;
}
