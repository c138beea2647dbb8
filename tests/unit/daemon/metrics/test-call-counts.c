/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>

#include "daemon/metrics/call-counts.h"
#include "dbus/error.h"
#include "tests/unit/test.h"

/* Addresses of descriptions of methods. */
static const char methods[64][64];

static MetricsReport report;

static void collect(void)
{
        metrics_report_clear(&report);
        call_counts_report(&report);
        assert_int_equal(report.r, 0);
}

/* The value of a series, 0 without one. */
static double count(const char *method, const char *outcome, const char *decided_by,
                    const char *grant)
{
        const MetricSamples *all = &report.metrics[METRIC_CALLS];
        double value = 0;

        for (size_t i = 0; i < all->n_samples; i++) {
                char *const *labels = all->samples[i].labels;

                if (!streq(labels[0], method) || !streq(labels[1], outcome) ||
                    !streq(labels[2], decided_by) || !streq(labels[3], grant))
                        continue;
                assert_true(value == 0);
                value = all->samples[i].value;
        }
        return value;
}

static int tear_down(void **state)
{
        metrics_report_clear(&report);
        call_counts_clear();
        return 0;
}

static void add(unsigned method, const char *member, unsigned source, int r)
{
        call_counts_add(methods[method], "dev.passlock.Passlock1.Links", member, source, r);
}

static void test_outcomes(void **state)
{
        static const struct {
                int r;
                const char *outcome;
        } outcomes[] = {
                {0, "ok"},
                {ERROR_NOT_FOUND, "NotFound"},
                {ERROR_INTERRUPTED, "Interrupted"},
                {ERROR_ACCESS_DENIED, "AccessDenied"},
                {-ENOMEM, "NoMemory"},
                {-EMFILE, "LimitsExceeded"},
                {-EIO, "Failed"},
                {-ECANCELED, "Canceled"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(outcomes); i++)
                for (size_t n = 0; n <= i; n++)
                        add(0, "GetUser", CALL_SOURCE_ROOT, outcomes[i].r);
        collect();
        for (size_t i = 0; i < ARRAY_SIZE(outcomes); i++)
                assert_true(count("Links.GetUser", outcomes[i].outcome, "root", "") ==
                            (double) i + 1);
}

static void test_sources(void **state)
{
        unsigned shop = call_counts_source_of_grant("shop");

        assert_int_equal(call_counts_source_of_grant("shop"), shop);
        add(0, "Add", CALL_SOURCE_NONE, ERROR_ACCESS_DENIED);
        add(0, "Add", CALL_SOURCE_POLKIT, 0);
        add(0, "Add", shop, 0);
        add(0, "Add", call_counts_source_of_grant("root"), 0);
        add(0, "Add", call_counts_source_of_grant("other"), 0);
        collect();
        assert_int_equal(report.metrics[METRIC_CALLS].n_samples, 5);
        assert_true(count("Links.Add", "AccessDenied", "none", "") == 1);
        assert_true(count("Links.Add", "ok", "polkit", "") == 1);
        assert_true(count("Links.Add", "ok", "grant", "shop") == 1);
        assert_true(count("Links.Add", "ok", "grant", "root") == 1);
        assert_true(count("Links.Add", "ok", "grant", "other") == 1);
}

/* Further grants share a series; those that have one keep it. */
static void test_many_grants(void **state)
{
        char name[32];

        for (unsigned round = 0; round < 2; round++)
                for (unsigned i = 0; i < 200; i++) {
                        (void) snprintf(name, sizeof(name), "grant-%u", i);
                        add(0, "Add", call_counts_source_of_grant(name), 0);
                }
        collect();
        assert_int_equal(report.metrics[METRIC_CALLS].n_samples, CALL_GRANTS_MAX + 1);
        assert_true(count("Links.Add", "ok", "grant", "grant-63") == 2);
        assert_true(count("Links.Add", "ok", "grant", "other") == 2 * (200 - CALL_GRANTS_MAX));
}

/* Reconcile has two descriptions. */
static void test_methods(void **state)
{
        char name[32];

        for (unsigned i = 0; i < ARRAY_SIZE(methods); i++) {
                (void) snprintf(name, sizeof(name), "Method%u", i / 2);
                for (unsigned n = 0; n <= i; n++)
                        add(i, name, CALL_SOURCE_ROOT, 0);
        }
        collect();
        assert_int_equal(report.metrics[METRIC_CALLS].n_samples, ARRAY_SIZE(methods) / 2);
        assert_true(count("Links.Method0", "ok", "root", "") == 1 + 2);
        assert_true(count("Links.Method31", "ok", "root", "") == 63 + 64);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_teardown(test_outcomes, tear_down),
                cmocka_unit_test_teardown(test_sources, tear_down),
                cmocka_unit_test_teardown(test_many_grants, tear_down),
                cmocka_unit_test_teardown(test_methods, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
