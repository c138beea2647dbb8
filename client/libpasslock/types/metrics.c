/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/strv.h"
#include "client/libpasslock/types/metrics-text.h"
#include "client/libpasslock/types/result.h"

struct passlock_metrics {
        Object object;
        MetricFamily *families;
        size_t n_families;
        MetricSample *samples;
        size_t n_samples;
        char *text;
};

/* Makes room for one more element at each power of two. Returns NULL if out of memory. */
static void *grown(void *array, size_t n, size_t size)
{
        return n & (n - 1) ? array : reallocarray(array, n ? n * 2 : 1, size);
}

static int copy(const char *s, char **ret)
{
        *ret = strdup(s);
        return *ret ? 0 : -ENOMEM;
}

static int read_labels(sd_bus_message *m, MetricSample *sample)
{
        const char *name, *value;
        int r;

        if (sd_bus_message_enter_container(m, SD_BUS_TYPE_ARRAY, "{ss}") <= 0)
                return -EPROTO;
        while ((r = sd_bus_message_read(m, "{ss}", &name, &value)) > 0) {
                r = strv_push(&sample->labels, name);
                if (r == 0)
                        r = strv_push(&sample->labels, value);
                if (r < 0)
                        return r;
        }
        return r < 0 || sd_bus_message_exit_container(m) < 0 ? -EPROTO : 0;
}

static int read_name(sd_bus_message *m, const MetricFamily *family, MetricSample *sample)
{
        const char *suffix;

        if (sd_bus_message_read(m, "s", &suffix) <= 0)
                return -EPROTO;
        return asprintf(&sample->name, "%s%s", family->name, suffix) < 0 ? -ENOMEM : 0;
}

/* The sample is cleared with the metrics. */
static int read_sample(sd_bus_message *m, passlock_metrics *metrics)
{
        MetricSample *samples = grown(metrics->samples, metrics->n_samples, sizeof(MetricSample));
        MetricSample *sample;
        int r;

        if (!samples)
                return -ENOMEM;
        metrics->samples = samples;
        sample = &samples[metrics->n_samples++];
        *sample = (MetricSample){.family = metrics->n_families - 1};
        r = read_name(m, &metrics->families[sample->family], sample);
        if (r == 0)
                r = read_labels(m, sample);
        if (r == 0 && sd_bus_message_read(m, "d", &sample->value) <= 0)
                r = -EPROTO;
        return r;
}

static int read_samples(sd_bus_message *m, passlock_metrics *metrics)
{
        int r;

        if (sd_bus_message_enter_container(m, SD_BUS_TYPE_ARRAY, "(sa{ss}d)") <= 0)
                return -EPROTO;
        while ((r = sd_bus_message_enter_container(m, SD_BUS_TYPE_STRUCT, "sa{ss}d")) > 0) {
                r = read_sample(m, metrics);
                if (r < 0)
                        return r;
                if (sd_bus_message_exit_container(m) < 0)
                        return -EPROTO;
        }
        return r < 0 || sd_bus_message_exit_container(m) < 0 ? -EPROTO : 0;
}

static int read_family(sd_bus_message *m, const char *name, passlock_metrics *metrics)
{
        MetricFamily *families =
                grown(metrics->families, metrics->n_families, sizeof(MetricFamily));
        const char *metric_type, *help;
        MetricFamily *family;
        int r;

        if (!families)
                return -ENOMEM;
        metrics->families = families;
        family = &families[metrics->n_families++];
        *family = (MetricFamily){};
        if (sd_bus_message_read(m, "ss", &metric_type, &help) <= 0)
                return -EPROTO;
        r = copy(name, &family->name);
        if (r == 0)
                r = copy(metric_type, &family->type);
        if (r == 0)
                r = copy(help, &family->help);
        return r == 0 ? read_samples(m, metrics) : r;
}

/* Skips values of another type, for metrics of a later version. */
static int read_entry(sd_bus_message *m, passlock_metrics *metrics)
{
        const char *name, *contents;
        int r;

        if (sd_bus_message_read(m, "s", &name) <= 0 ||
            sd_bus_message_peek_type(m, NULL, &contents) <= 0)
                return -EPROTO;
        if (!streq(contents, "(ssa(sa{ss}d))"))
                return sd_bus_message_skip(m, "v") < 0 ? -EPROTO : 0;
        if (sd_bus_message_enter_container(m, SD_BUS_TYPE_VARIANT, contents) <= 0 ||
            sd_bus_message_enter_container(m, SD_BUS_TYPE_STRUCT, "ssa(sa{ss}d)") <= 0)
                return -EPROTO;
        r = read_family(m, name, metrics);
        if (r < 0)
                return r;
        return sd_bus_message_exit_container(m) < 0 || sd_bus_message_exit_container(m) < 0
                       ? -EPROTO
                       : 0;
}

static int metrics_read(sd_bus_message *m, void *object)
{
        passlock_metrics *metrics = object;
        int r;

        if (sd_bus_message_enter_container(m, SD_BUS_TYPE_ARRAY, "{sv}") <= 0)
                return -EPROTO;
        while ((r = sd_bus_message_enter_container(m, SD_BUS_TYPE_DICT_ENTRY, "sv")) > 0) {
                r = read_entry(m, metrics);
                if (r < 0)
                        return r;
                if (sd_bus_message_exit_container(m) < 0)
                        return -EPROTO;
        }
        if (r < 0 || sd_bus_message_exit_container(m) < 0)
                return -EPROTO;
        return metrics_text(metrics->families, metrics->n_families, metrics->samples,
                            metrics->n_samples, &metrics->text);
}

static void metrics_clear(void *object)
{
        passlock_metrics *metrics = object;

        for (size_t i = 0; i < metrics->n_families; i++) {
                free(metrics->families[i].name);
                free(metrics->families[i].type);
                free(metrics->families[i].help);
        }
        for (size_t i = 0; i < metrics->n_samples; i++) {
                free(metrics->samples[i].name);
                strv_free(metrics->samples[i].labels);
        }
        free(metrics->families);
        free(metrics->samples);
        free(metrics->text);
}

static const ObjectType type = {
        .size = sizeof(passlock_metrics),
        .read = metrics_read,
        .clear = metrics_clear,
};

DEFINE_REF(metrics);

DEFINE_GETTER(metrics, const char *, get_text, text);
DEFINE_GETTER(metrics, size_t, get_size, n_samples);

static const MetricSample *sample_at(const passlock_metrics *metrics, size_t index)
{
        static const MetricSample none;

        return index < metrics->n_samples ? &metrics->samples[index] : &none;
}

_public_ const char *passlock_metrics_get_name(const passlock_metrics *metrics, size_t index)
{
        return sample_at(metrics, index)->name;
}

_public_ const char *passlock_metrics_get_type(const passlock_metrics *metrics, size_t index)
{
        return index < metrics->n_samples ? metrics->families[metrics->samples[index].family].type
                                          : NULL;
}

_public_ const char *const *passlock_metrics_get_labels(const passlock_metrics *metrics,
                                                        size_t index)
{
        static const char *const none[] = {NULL};
        char **labels = sample_at(metrics, index)->labels;

        return labels ? (const char *const *) labels : none;
}

_public_ double passlock_metrics_get_value(const passlock_metrics *metrics, size_t index)
{
        return sample_at(metrics, index)->value;
}

DEFINE_RESULT(metrics, metrics, type);
