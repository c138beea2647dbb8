/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gate/text-buffer.h"

/* Counters of the gate since its start. Zero-initialised. */
typedef struct Metrics {
        uint64_t *calls; /* by method and outcome; NULL: none yet */
} Metrics;

/* Counts a call of gate_methods[i]; `error` is of http-error.h, or 0. */
void metrics_count_call(Metrics *metrics, size_t i, int error);

/* Appends the text format of Prometheus, after the daemon's, which is NULL if there is none. */
void metrics_print(const Metrics *metrics, const char *daemon_text, size_t n_connections,
                   size_t n_streams, TextBuffer *text);

void metrics_done(Metrics *metrics);
