/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>
#include <string.h>

#include "daemon/core/id-set.h"
#include "tests/unit/test.h"

static void test_membership(void **state)
{
        IdSet *set = NULL;
        char id[32];

        assert_int_equal(id_set_new(&set), 0);
        assert_false(id_set_has(set, "pk-0"));
        /* Grows several times. */
        for (unsigned i = 0; i < 20000; i++) {
                snprintf(id, sizeof(id), "pk-%u", i);
                assert_int_equal(id_set_add(set, id), 0);
                assert_int_equal(id_set_add(set, id), 0);
        }
        for (unsigned i = 0; i < 40000; i++) {
                snprintf(id, sizeof(id), "pk-%u", i);
                assert_int_equal(id_set_has(set, id), i < 20000);
        }
        assert_null(id_set_free(set));
        assert_null(id_set_free(NULL));
}

static void test_long_ids(void **state)
{
        char a[513], b[513];
        IdSet *set = NULL;

        memset(a, 'a', 512);
        a[512] = '\0';
        memcpy(b, a, sizeof(b));
        b[511] = 'b';
        assert_int_equal(id_set_new(&set), 0);
        assert_int_equal(id_set_add(set, a), 0);
        assert_true(id_set_has(set, a));
        assert_false(id_set_has(set, b));
        id_set_free(set);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_membership),
                cmocka_unit_test(test_long_ids),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
