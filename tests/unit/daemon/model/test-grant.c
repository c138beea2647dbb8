/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/strv.h"
#include "daemon/model/grant.h"
#include "tests/unit/test.h"

/* One rule: uid 1000 and group 50 may Authorize and read links of "shop". */
static void push_grant(GrantList *list)
{
        Grant *grant = calloc(1, sizeof(Grant));

        grant->name = strdup("web");
        grant->tenancy = strdup("shop");
        grant->allow = RIGHT_AUTHORIZE | RIGHT_LINKS_READ;
        assert_int_equal(grant_add_uid(grant, 1000), 0);
        assert_int_equal(grant_add_gid(grant, 50), 0);
        assert_int_equal(grant_list_push(list, grant), 0);
}

static int set_up(void **state)
{
        GrantList *list = calloc(1, sizeof(GrantList));

        push_grant(list);
        *state = list;
        return 0;
}

static int tear_down(void **state)
{
        grant_list_clear(*state);
        free(*state);
        return 0;
}

static const Caller granted = {.uid = 1000};
static const Caller stranger = {.uid = 1001};
static const Caller root = {.uid = 0};

static void test_default_is_deny(void **state)
{
        const GrantList nothing = {};

        assert_false(grants_allow(&nothing, &granted, "shop", RIGHT_ALL, NULL));
        assert_false(grants_allow(*state, &stranger, "shop", RIGHT_ALL, NULL));
        assert_true(grants_allow(&nothing, &root, "shop", RIGHT_AUTHORIZE, NULL));
        assert_true(grants_allow(&nothing, &root, NULL, 0, NULL));
        /* Without a right only root is allowed. */
        assert_false(grants_allow(*state, &granted, NULL, 0, NULL));
}

static void test_right_and_tenancy(void **state)
{
        assert_true(grants_allow(*state, &granted, "shop", RIGHT_AUTHORIZE, NULL));
        assert_true(grants_allow(*state, &granted, NULL, RIGHT_ALL, NULL));
        assert_false(grants_allow(*state, &granted, "shop", RIGHT_EXCHANGE, NULL));
        assert_false(grants_allow(*state, &granted, "shop", RIGHT_LINKS_WRITE, NULL));
        assert_false(grants_allow(*state, &granted, "other", RIGHT_AUTHORIZE, NULL));
}

static void test_groups(void **state)
{
        gid_t in[] = {7, 50}, out[] = {7, 51};
        const Caller member = {.uid = 1001, .gids = in, .n_gids = 2};
        const Caller other = {.uid = 1001, .gids = out, .n_gids = 2};

        assert_true(grants_allow(*state, &member, "shop", RIGHT_AUTHORIZE, NULL));
        assert_false(grants_allow(*state, &other, "shop", RIGHT_AUTHORIZE, NULL));
}

static void test_rp_id(void **state)
{
        GrantList *list = *state;

        assert_true(grants_allow(list, &granted, "shop", RIGHT_AUTHORIZE, "any.example"));
        assert_int_equal(strv_push(&list->grants[0]->rp_ids, "shop.example.com"), 0);
        assert_true(grants_allow(list, &granted, "shop", RIGHT_AUTHORIZE, "Shop.Example.COM"));
        assert_false(grants_allow(list, &granted, "shop", RIGHT_AUTHORIZE, "example.com"));
        assert_false(grants_allow(list, &granted, "shop", RIGHT_AUTHORIZE, "shop.example.com."));
        /* Without an rp_id: whether any is allowed. */
        assert_true(grants_allow(list, &granted, "shop", RIGHT_AUTHORIZE, NULL));
}

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
        assert_int_equal(right_from_name("authorize", &right), -EINVAL);
        assert_int_equal(right_from_name("Links", &right), -EINVAL);
        assert_int_equal(right_from_name("", &right), -EINVAL);
}

static void test_max_calls_per_s(void **state)
{
        GrantList *list = *state;
        const gid_t gid = 50;
        const Caller member = {.uid = 1001, .gids = (gid_t *) &gid, .n_gids = 1};
        const Grant *grant;

        list->grants[0]->max_calls_per_s = 2;
        for (unsigned i = 0; i < 2; i++)
                assert_int_equal(grants_take_call(list, &granted, "shop", RIGHT_AUTHORIZE, NULL,
                                                  1000, &grant),
                                 GRANT_ALLOWED);
        assert_int_equal(
                grants_take_call(list, &granted, "shop", RIGHT_AUTHORIZE, NULL, 1000, &grant),
                GRANT_LIMITED);
        /* Each uid has its own limit, a denied call counts nowhere, and root has none. */
        assert_int_equal(
                grants_take_call(list, &member, "shop", RIGHT_AUTHORIZE, NULL, 1000, &grant),
                GRANT_ALLOWED);
        for (unsigned i = 0; i < 9; i++) {
                assert_int_equal(
                        grants_take_call(list, &member, "shop", RIGHT_EXCHANGE, NULL, 1000, &grant),
                        GRANT_DENIED);
                assert_int_equal(
                        grants_take_call(list, &root, "shop", RIGHT_EXCHANGE, NULL, 1000, &grant),
                        GRANT_ALLOWED);
        }
        assert_int_equal(
                grants_take_call(list, &member, "shop", RIGHT_AUTHORIZE, NULL, 1000, &grant),
                GRANT_ALLOWED);
        assert_int_equal(
                grants_take_call(list, &granted, "shop", RIGHT_AUTHORIZE, NULL, 1500, &grant),
                GRANT_ALLOWED);

        /* Another grant without a limit is for another relying party. */
        push_grant(list);
        assert_int_equal(strv_push(&list->grants[0]->rp_ids, "slow.example"), 0);
        assert_int_equal(strv_push(&list->grants[1]->rp_ids, "fast.example"), 0);
        for (unsigned i = 0; i < 9; i++)
                assert_int_equal(grants_take_call(list, &granted, "shop", RIGHT_AUTHORIZE,
                                                  "fast.example", 1500, &grant),
                                 GRANT_ALLOWED);
        assert_int_equal(grants_take_call(list, &granted, "shop", RIGHT_AUTHORIZE, "slow.example",
                                          1500, &grant),
                         GRANT_LIMITED);
        assert_ptr_equal(grant, list->grants[0]);
        assert_int_equal(grants_take_call(list, &root, "shop", RIGHT_AUTHORIZE, NULL, 1500, &grant),
                         GRANT_ALLOWED);
        assert_null(grant);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_default_is_deny, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_right_and_tenancy, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_groups, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_rp_id, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_applies_to_caller, set_up, tear_down),
                cmocka_unit_test(test_names),
                cmocka_unit_test_setup_teardown(test_max_calls_per_s, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
