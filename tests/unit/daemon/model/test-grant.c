/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/strv.h"
#include "daemon/model/grant.h"
#include "tests/unit/daemon/model/grant-fixture.h"

static void test_applies_to_caller(void **state)
{
        const GrantList *list = *state;
        gid_t gid = 50;

        assert_true(grant_is_for(list->grants[0], &granted));
        assert_false(grant_is_for(list->grants[0], &stranger));
        assert_false(grant_is_for(list->grants[0], &root));
        assert_true(
                grant_is_for(list->grants[0], &(Caller){.uid = 1001, .gids = &gid, .n_gids = 1}));
}

static void test_names(void **state)
{
        Right right = 0;

        assert_int_equal(right_from_name("All", &right), 0);
        assert_int_equal(right, RIGHT_ALL);
#define X(name, bit, text) \
        assert_int_equal(right_from_name(text, &right), 0); \
        assert_int_equal(right, RIGHT_##name); \
        assert_string_equal(right_name(right), text); \
        assert_true(right &RIGHT_ALL);
        RIGHT_TABLE(X)
#undef X
        assert_null(right_first_name(0));
        assert_string_equal(right_first_name(RIGHT_LINKS_READ | RIGHT_LINKS_WRITE), "Links.Read");
        assert_int_equal(right_from_name("authorize", &right), -EINVAL);
        assert_int_equal(right_from_name("Links", &right), -EINVAL);
        assert_int_equal(right_from_name("", &right), -EINVAL);
}

static void test_places(void **state)
{
        GrantList *list = *state;
        Grant *grant = list->grants[0];

        grant_clear_rights(grant);
        assert_int_equal(grant_allow(grant, RIGHT_MAILBOX, "f:1"), 0);
        assert_int_equal(grant_allow(grant, RIGHT_ALL, "f:2"), 0);
        assert_int_equal(grant->allow, RIGHT_ALL);
        assert_string_equal(grant->places[8], "f:1");
        assert_string_equal(grant->places[0], "f:2");
        grant_clear_rights(grant);
        assert_int_equal(grant->allow, 0);
        assert_null(grant->places[8]);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_applies_to_caller, set_up, tear_down),
                cmocka_unit_test(test_names),
                cmocka_unit_test_setup_teardown(test_places, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
