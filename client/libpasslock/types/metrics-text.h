/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

typedef struct MetricFamily {
        char *name;
        char *type;
        char *help;
} MetricFamily;

typedef struct MetricSample {
        size_t family; /* its index; samples are in the order of their families */
        char *name;    /* with the suffix */
        char **labels; /* names and values in turn; NULL: none */
        double value;
} MetricSample;

/* Formats metrics in the text format of Prometheus, version 0.0.4, whatever the locale. Returns 0
 * with a string that the caller frees, or -ENOMEM. */
int metrics_text(const MetricFamily *families, size_t n_families, const MetricSample *samples,
                 size_t n_samples, char **ret);
