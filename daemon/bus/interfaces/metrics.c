/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Manager.GetMetrics. */

#include <stdio.h>

#include "daemon/bus/dispatch/dispatch.h"
#include "daemon/bus/interfaces/interfaces.h"
#include "daemon/metrics/call-counts.h"

/* Estimated size of a sample in the reply, for back-pressure. */
#define SAMPLE_BYTES ((size_t) 128)

static void report_calls(const Request *reader, MetricsReport *report)
{
        static const char *const names[] = {[TURN_SINGLE] = "single", [TURN_BULK] = "bulk"};
        unsigned n = 0, n_parked = 0, n_waiting[TURN_KINDS] = {};
        const Request *request;

        LIST_FOREACH(request, &reader->bus->requests, entry) {
                const TurnQueue *queue = request->turn.queue;

                n += request != reader;
                if (queue && request->turn.parked)
                        n_parked++;
                else if (queue)
                        n_waiting[queue->kind]++;
        }
        metrics_report_add(report, METRIC_CALLS_IN_FLIGHT, n);
        for (unsigned kind = 0; kind < TURN_KINDS; kind++)
                metrics_report_add(report, METRIC_CALLS_WAITING, n_waiting[kind], names[kind]);
        metrics_report_add(report, METRIC_CALLS_WAITING, n_parked, "parked");
        metrics_report_add(report, METRIC_SUBSCRIBERS, reader->bus->n_subscriptions);
        call_counts_report(report);
}

static int append_label(sd_bus_message *reply, const char *name, size_t len, const char *value)
{
        char copy[32];

        (void) snprintf(copy, sizeof(copy), "%.*s", (int) len, name);
        return sd_bus_message_append(reply, "{ss}", copy, value);
}

static int append_labels(sd_bus_message *reply, const Metric *metric, const MetricSample *sample)
{
        const char *name = metric->labels;
        int r;

        r = sd_bus_message_open_container(reply, 'a', "{ss}");
        for (unsigned i = 0; r >= 0 && i < METRIC_LABELS_MAX && sample->labels[i]; i++) {
                size_t len = strcspn(name, " ");

                r = append_label(reply, name, len, sample->labels[i]);
                name += len + (name[len] == ' ');
        }
        if (r >= 0 && sample->le)
                r = append_label(reply, "le", strlen("le"), sample->le);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int append_sample(sd_bus_message *reply, const Metric *metric, const MetricSample *sample)
{
        int r;

        r = sd_bus_message_open_container(reply, 'r', "sa{ss}d");
        if (r >= 0)
                r = sd_bus_message_append(reply, "s", sample->suffix);
        if (r >= 0)
                r = append_labels(reply, metric, sample);
        if (r >= 0)
                r = sd_bus_message_append(reply, "d", sample->value);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int append_metric(sd_bus_message *reply, const Metric *metric, const MetricSamples *all)
{
        int r;

        r = sd_bus_message_open_container(reply, 'e', "sv");
        if (r >= 0)
                r = sd_bus_message_append(reply, "s", metric->name);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'v', "(ssa(sa{ss}d))");
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'r', "ssa(sa{ss}d)");
        if (r >= 0)
                r = sd_bus_message_append(reply, "ss", metric_type_name(metric->type),
                                          metric->help);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "(sa{ss}d)");
        for (size_t i = 0; r >= 0 && i < all->n_samples; i++)
                r = append_sample(reply, metric, &all->samples[i]);
        for (int i = 0; r >= 0 && i < 4; i++)
                r = sd_bus_message_close_container(reply);
        return r;
}

static int append_report(sd_bus_message *reply, const MetricsReport *report)
{
        int r;

        r = sd_bus_message_open_container(reply, 'a', "{sv}");
        for (unsigned id = 0; r >= 0 && id < N_METRICS; id++)
                r = append_metric(reply, metric_get((MetricId) id), &report->metrics[id]);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static size_t count_samples(const MetricsReport *report)
{
        size_t n = 0;

        for (unsigned id = 0; id < N_METRICS; id++)
                n += report->metrics[id].n_samples;
        return n;
}

static int run_get_metrics(Request *request, sd_bus_message *m _unused_)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(metrics_report_clear) MetricsReport report = {};
        const BusOwner *owner = &request->bus->owner;
        int r;

        owner->report(owner->userdata, &report);
        report_calls(request, &report);
        r = report.r;
        if (r == 0)
                r = request_new_reply(request, &reply);
        if (r >= 0)
                r = append_report(reply, &report);
        if (r < 0)
                return r;
        unread_add(peer_unread(request->peer), count_samples(&report) * SAMPLE_BYTES);
        request_reply(request, reply);
        return 0;
}

static const Question question_get_metrics = {
        .action = QUESTION_ACTION("diagnose"),
        .intent = "read the metrics of passlockd",
};

const Method bus_call_get_metrics = {
        .rights = RIGHT_METRICS, .question = &question_get_metrics, .run = run_get_metrics};

int bus_method_get_metrics(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_)
{
        return dispatch_method(userdata, NULL, m, &bus_call_get_metrics);
}
