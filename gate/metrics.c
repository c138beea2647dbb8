/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <inttypes.h>

#include "gate/http-error.h"
#include "gate/method.h"
#include "gate/metrics.h"

/* A call that could not be counted for lack of memory is not. */
void metrics_count_call(Metrics *metrics, size_t i, int error)
{
        if (!metrics->calls)
                metrics->calls = calloc(gate_methods_len * HTTP_ERROR_END, sizeof(uint64_t));
        if (metrics->calls)
                metrics->calls[i * HTTP_ERROR_END + (size_t) error]++;
}

static void print_calls(const Metrics *metrics, TextBuffer *text)
{
        text_buffer_printf(text, "# HELP passlock_gate_calls_total Calls by method and outcome.\n"
                                 "# TYPE passlock_gate_calls_total counter\n");
        for (size_t i = 0; metrics->calls && i < gate_methods_len * HTTP_ERROR_END; i++) {
                int error = (int) (i % HTTP_ERROR_END);

                if (metrics->calls[i] > 0)
                        text_buffer_printf(text,
                                           "passlock_gate_calls_total{method=\"%s\",outcome=\"%s\"}"
                                           " %" PRIu64 "\n",
                                           gate_methods[i / HTTP_ERROR_END].name,
                                           error > 0 ? http_error_name(error) : "ok",
                                           metrics->calls[i]);
        }
}

static void print_gauge(TextBuffer *text, const char *name, const char *help, size_t value)
{
        text_buffer_printf(text, "# HELP %s %s\n# TYPE %s gauge\n%s %zu\n", name, help, name, name,
                           value);
}

void metrics_print(const Metrics *metrics, const char *daemon_text, size_t n_connections,
                   size_t n_streams, TextBuffer *text)
{
        if (daemon_text)
                text_buffer_append(text, daemon_text, strlen(daemon_text));
        print_calls(metrics, text);
        print_gauge(text, "passlock_gate_daemon_metrics",
                    "1: the metrics of passlockd are here as well. 0: the gate's user lacks the "
                    "right Metrics, or passlockd did not answer in time.",
                    daemon_text ? 1 : 0);
        print_gauge(text, "passlock_gate_connections", "Open connections.", n_connections);
        print_gauge(text, "passlock_gate_streams", "Open streams of Links.Changed.", n_streams);
}

void metrics_done(Metrics *metrics)
{
        free(metrics->calls);
        *metrics = (Metrics){};
}
