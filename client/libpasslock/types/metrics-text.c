/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>

#include "client/libpasslock/types/metrics-text.h"

/* Integers up to this are exact. */
#define INTEGER_MAX 9007199254740992.0

/* Escapes backslashes, line feeds and, in a label, quotes. */
static void put_escaped(FILE *to, const char *s, bool is_label)
{
        for (; *s; s++) {
                if (*s == '\n')
                        fputs("\\n", to);
                else if (*s == '\\' || (*s == '"' && is_label))
                        fprintf(to, "\\%c", *s);
                else
                        fputc(*s, to);
        }
}

static void put_value(FILE *to, double value)
{
        if (isnan(value))
                fputs("NaN", to);
        else if (isinf(value))
                fputs(value > 0 ? "+Inf" : "-Inf", to);
        else if (fabs(value) <= INTEGER_MAX && value == (double) (int64_t) value)
                fprintf(to, "%.0f", value);
        else
                fprintf(to, "%.15g", value);
}

static void put_sample(FILE *to, const MetricSample *sample)
{
        char *const *labels = sample->labels;

        fputs(sample->name, to);
        for (size_t i = 0; labels && labels[i]; i += 2) {
                fprintf(to, "%c%s=\"", i == 0 ? '{' : ',', labels[i]);
                put_escaped(to, labels[i + 1], true);
                fputc('"', to);
        }
        fputs(labels ? "} " : " ", to);
        put_value(to, sample->value);
        fputc('\n', to);
}

static void put_family(FILE *to, const MetricFamily *family)
{
        fprintf(to, "# HELP %s ", family->name);
        put_escaped(to, family->help, false);
        fprintf(to, "\n# TYPE %s %s\n", family->name, family->type);
}

static void put_all(FILE *to, const MetricFamily *families, size_t n_families,
                    const MetricSample *samples, size_t n_samples)
{
        size_t i = 0;

        for (size_t family = 0; family < n_families; family++) {
                put_family(to, &families[family]);
                for (; i < n_samples && samples[i].family == family; i++)
                        put_sample(to, &samples[i]);
        }
}

int metrics_text(const MetricFamily *families, size_t n_families, const MetricSample *samples,
                 size_t n_samples, char **ret)
{
        locale_t locale = newlocale(LC_NUMERIC_MASK, "C", (locale_t) 0), old;
        _cleanup_(freep) char *text = NULL;
        size_t size;
        FILE *to;

        if (!locale)
                return -ENOMEM;
        old = uselocale(locale);
        to = open_memstream(&text, &size);
        if (to)
                put_all(to, families, n_families, samples, n_samples);
        uselocale(old);
        freelocale(locale);
        if (!to || fclose(to) != 0)
                return -ENOMEM;
        *ret = TAKE_PTR(text);
        return 0;
}
