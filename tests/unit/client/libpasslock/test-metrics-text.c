/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <math.h>
#include <stdlib.h>

#include "client/libpasslock/types/metrics-text.h"
#include "tests/unit/test.h"

/* Nothing changes the strings. */
#define S(text) ((char *) (text))

static void test_text(void **state)
{
        const MetricFamily families[] = {
                {S("a_total"), S("counter"), S("Line\nwith \\ and \"quotes\".")},
                {S("empty"), S("gauge"), S("None.")},
                {S("b"), S("gauge"), S("B.")},
        };
        char *labels[] = {S("x"), S("quote \" backslash \\ feed\n."), S("y"), S(""), NULL};
        const MetricSample samples[] = {
                {0, S("a_total"), labels, 9007199254740992.0},
                {2, S("b"), NULL, 0.25},
                {2, S("b"), NULL, 1795777331.484},
                {2, S("b"), NULL, -INFINITY},
                {2, S("b"), NULL, INFINITY},
                {2, S("b"), NULL, NAN},
                {2, S("b"), NULL, 1e300},
        };
        _cleanup_(freep) char *text = NULL;

        assert_int_equal(
                metrics_text(families, ARRAY_SIZE(families), samples, ARRAY_SIZE(samples), &text),
                0);
        assert_string_equal(text, "# HELP a_total Line\\nwith \\\\ and \"quotes\".\n"
                                  "# TYPE a_total counter\n"
                                  "a_total{x=\"quote \\\" backslash \\\\ feed\\n.\",y=\"\"} "
                                  "9007199254740992\n"
                                  "# HELP empty None.\n# TYPE empty gauge\n"
                                  "# HELP b B.\n# TYPE b gauge\n"
                                  "b 0.25\nb 1795777331.484\nb -Inf\nb +Inf\nb NaN\nb 1e+300\n");
}

static void test_nothing(void **state)
{
        _cleanup_(freep) char *text = NULL;

        assert_int_equal(metrics_text(NULL, 0, NULL, 0, &text), 0);
        assert_string_equal(text, "");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_text),
                cmocka_unit_test(test_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
