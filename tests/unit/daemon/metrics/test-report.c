/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "daemon/metrics/api-counts.h"
#include "daemon/metrics/process.h"
#include "dbus/error.h"
#include "tests/unit/test.h"

static bool fails;

char *__real_strdup(const char *s);
char *__wrap_strdup(const char *s);

char *__wrap_strdup(const char *s)
{
        return fails ? NULL : __real_strdup(s);
}

static double value_at(const MetricsReport *report, MetricId id, size_t i)
{
        assert_true(i < report->metrics[id].n_samples);
        return report->metrics[id].samples[i].value;
}

/* A duration is in the first bucket whose bound it does not exceed. Buckets are cumulative. */
static void test_histogram(void **state)
{
        const char *labels[METRIC_LABELS_MAX] = {"shop"};
        _cleanup_(metrics_report_clear) MetricsReport report = {};
        Histogram histogram = {};
        const MetricSample *last;

        histogram_add(&histogram, 0);
        histogram_add(&histogram, 1000);
        histogram_add(&histogram, 1001);
        histogram_add(&histogram, 30000000);
        histogram_add(&histogram, 30000001);
        histogram_report(&histogram, &report, METRIC_API_DURATION, labels);
        assert_int_equal(report.metrics[METRIC_API_DURATION].n_samples, HISTOGRAM_N_BUCKETS + 2);
        assert_true(value_at(&report, METRIC_API_DURATION, 0) == 2);
        assert_true(value_at(&report, METRIC_API_DURATION, 1) == 3);
        assert_true(value_at(&report, METRIC_API_DURATION, HISTOGRAM_N_BUCKETS - 3) == 3);
        assert_true(value_at(&report, METRIC_API_DURATION, HISTOGRAM_N_BUCKETS - 2) == 4);
        assert_true(value_at(&report, METRIC_API_DURATION, HISTOGRAM_N_BUCKETS - 1) == 5);
        last = &report.metrics[METRIC_API_DURATION].samples[HISTOGRAM_N_BUCKETS + 1];
        assert_string_equal(last->suffix, "_count");
        assert_true(last->value == 5);
        assert_string_equal(last[-1].suffix, "_sum");
        assert_true(last[-1].value == 60.002002);
        assert_string_equal(last[-2].le, "+Inf");
        assert_string_equal(last->labels[0], "shop");
}

static void test_api_counts(void **state)
{
        static const char get[] = "get";
        _cleanup_(metrics_report_clear) MetricsReport report = {};
        _cleanup_(api_counts_clear) ApiCounts counts = {.succeeded_at_ms = 1500};
        ApiRequestCounts *of_get = api_counts_of(&counts, get);

        assert_ptr_equal(api_counts_of(&counts, get), of_get);
        assert_ptr_not_equal(api_counts_of(&counts, "list"), of_get);
        outcome_counts_add(&of_get->outcomes, ERROR_UNREACHABLE);
        of_get->n_retries = 3;
        api_counts_report(&counts, &report, "shop");
        assert_int_equal(report.metrics[METRIC_API_CALLS].n_samples, 1);
        assert_string_equal(report.metrics[METRIC_API_CALLS].samples[0].labels[2], "Unreachable");
        assert_true(value_at(&report, METRIC_API_RETRIES, 0) == 3);
        assert_true(value_at(&report, METRIC_API_RETRIES, 1) == 0);
        assert_true(value_at(&report, METRIC_API_SUCCESS, 0) == 1.5);
}

static void test_process(void **state)
{
        _cleanup_(metrics_report_clear) MetricsReport report = {};

        process_report(&report);
        assert_true(value_at(&report, METRIC_CPU, 0) > 0);
        assert_true(value_at(&report, METRIC_MEMORY, 0) > 100000);
        assert_true(value_at(&report, METRIC_OPEN_FDS, 0) >= 1);
        assert_true(value_at(&report, METRIC_MAX_FDS, 0) >= value_at(&report, METRIC_OPEN_FDS, 0));
}

static void test_no_memory(void **state)
{
        _cleanup_(metrics_report_clear) MetricsReport report = {};

        metrics_report_add(&report, METRIC_LINKS, 1, "shop");
        fails = true;
        metrics_report_add(&report, METRIC_LINKS, 2, "shop");
        fails = false;
        metrics_report_add(&report, METRIC_LINKS, 3, "shop");
        assert_int_equal(report.r, -ENOMEM);
        assert_int_equal(report.metrics[METRIC_LINKS].n_samples, 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_histogram),
                cmocka_unit_test(test_api_counts),
                cmocka_unit_test(test_process),
                cmocka_unit_test(test_no_memory),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
