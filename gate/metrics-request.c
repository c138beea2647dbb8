/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/clock.h"
#include "dbus/right.h"
#include "gate/metrics-request.h"

/* Timeout of each call. Prometheus gives up after 10 seconds. */
#define DAEMON_TIMEOUT_MS 2000U

/* The daemon may ask polkit for each right, and whoever can connect to the gate can ask for
 * metrics: so one request asks at a time, and none for so long after the right was missing. */
#define RIGHT_PAUSE_MS 5000U

/* The operation of a request: a call on the bus. */
typedef struct MetricsRequest {
        Gate *gate;
        HttpRequest *request;
        passlock_call *call; /* NULL: not begun, or ended */
} MetricsRequest;

static void on_end(HttpRequest *request, void *operation)
{
        MetricsRequest *m = operation;

        if (m->gate->metrics_right.asking == m)
                m->gate->metrics_right.asking = NULL;
        passlock_call_cancel(m->call);
        free(m);
}

static void finish(MetricsRequest *m, const char *daemon_text)
{
        const Gate *gate = m->gate;
        TextBuffer text = {};

        metrics_print(&gate->metrics, daemon_text, http_server_connections(gate->server),
                      link_streams_count(&gate->streams), &text);
        http_request_reply(m->request, http_reply_text(&text, "text/plain; version=0.0.4"));
}

/* Ends the request if a call could not be begun. */
static void begun(MetricsRequest *m, int r)
{
        if (r == 0)
                r = passlock_call_set_timeout_ms(m->call, DAEMON_TIMEOUT_MS);
        if (r != 0)
                finish(m, NULL);
}

static void on_metrics(passlock *client, int r, const char *error_text, passlock_metrics *metrics,
                       void *userdata)
{
        MetricsRequest *m = userdata;

        m->call = NULL;
        if (r == PASSLOCK_ERROR_ACCESS_DENIED)
                m->gate->metrics_right.is_granted = false;
        finish(m, r == 0 ? passlock_metrics_get_text(metrics) : NULL);
}

static void get_metrics(MetricsRequest *m)
{
        begun(m, passlock_get_metrics_async(m->gate->client, on_metrics, m, &m->call));
}

static bool is_metrics_right(const char *name)
{
        enum {
#define X(right, bit, text) RIGHT_##right = (bit),
                RIGHT_TABLE(X)
#undef X
        };
        static const char *const names[] = {
#define X(right, bit, text) [bit] = (text),
                RIGHT_TABLE(X)
#undef X
        };

        return streq(name, names[RIGHT_METRICS]);
}

static bool list_has_metrics(const passlock_right_list *rights)
{
        for (size_t i = 0; i < passlock_right_list_get_size(rights); i++) {
                const char *const *names =
                        passlock_right_get_names(passlock_right_list_get(rights, i));

                for (; *names; names++)
                        if (is_metrics_right(*names))
                                return true;
        }
        return false;
}

static void on_rights(passlock *client, int r, const char *error_text, passlock_right_list *rights,
                      void *userdata)
{
        MetricsRequest *m = userdata;
        MetricsRight *right = &m->gate->metrics_right;

        m->call = NULL;
        right->asking = NULL;
        right->is_granted = r == 0 && list_has_metrics(rights);
        if (r == 0 && !right->is_granted)
                right->missing_at_ms = monotonic_ms();
        if (right->is_granted)
                get_metrics(m);
        else
                finish(m, NULL);
}

static bool may_ask(const MetricsRight *right)
{
        return !right->asking && (right->missing_at_ms == 0 ||
                                  monotonic_ms() - right->missing_at_ms >= RIGHT_PAUSE_MS);
}

static void ask_for_right(MetricsRequest *m)
{
        m->gate->metrics_right.asking = m;
        begun(m, passlock_list_rights_async(m->gate->client, on_rights, m, &m->call));
}

/* Asks for the right first: a refused call is recorded and counted, at each scrape. */
void metrics_request_begin(Gate *gate, HttpRequest *request)
{
        MetricsRequest *m = calloc(1, sizeof(MetricsRequest));

        if (!m) {
                http_request_reply(request, http_reply_error(-ENOMEM, NULL));
                return;
        }
        *m = (MetricsRequest){.gate = gate, .request = request};
        request->operation = m;
        request->end = on_end;
        if (gate->metrics_right.is_granted)
                get_metrics(m);
        else if (may_ask(&gate->metrics_right))
                ask_for_right(m);
        else
                finish(m, NULL);
}
