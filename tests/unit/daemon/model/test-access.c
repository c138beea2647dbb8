/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/strv.h"
#include "daemon/model/access.h"
#include "tests/unit/daemon/model/grant-fixture.h"

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

static AccessVerdict take_call(const GrantList *list, const Caller *caller, const char *tenancy,
                               unsigned rights, const char *rp_id, uint64_t now_ms)
{
        const AccessQuery query = {
                .caller = caller, .tenancy = tenancy, .rights = rights, .rp_id = rp_id};

        return access_take_call(list, &query, now_ms).verdict;
}

static void test_max_calls_per_s(void **state)
{
        GrantList *list = *state;
        const gid_t gid = 50;
        const Caller member = {.uid = 1001, .gids = (gid_t *) &gid, .n_gids = 1};

        list->grants[0]->max_calls_per_s = 2;
        for (unsigned i = 0; i < 2; i++)
                assert_int_equal(take_call(list, &granted, "shop", RIGHT_AUTHORIZE, NULL, 1000),
                                 ACCESS_ALLOWED);
        assert_int_equal(take_call(list, &granted, "shop", RIGHT_AUTHORIZE, NULL, 1000),
                         ACCESS_LIMITED);
        /* Each uid has its own limit, a denied call counts nowhere, and root has none. */
        assert_int_equal(take_call(list, &member, "shop", RIGHT_AUTHORIZE, NULL, 1000),
                         ACCESS_ALLOWED);
        for (unsigned i = 0; i < 9; i++) {
                assert_int_equal(take_call(list, &member, "shop", RIGHT_EXCHANGE, NULL, 1000),
                                 ACCESS_DENIED);
                assert_int_equal(take_call(list, &root, "shop", RIGHT_EXCHANGE, NULL, 1000),
                                 ACCESS_ALLOWED);
        }
        assert_int_equal(take_call(list, &member, "shop", RIGHT_AUTHORIZE, NULL, 1000),
                         ACCESS_ALLOWED);
        assert_int_equal(take_call(list, &granted, "shop", RIGHT_AUTHORIZE, NULL, 1500),
                         ACCESS_ALLOWED);

        /* Another grant without a limit is for another relying party. */
        push_grant(list);
        assert_int_equal(strv_push(&list->grants[0]->rp_ids, "slow.example"), 0);
        assert_int_equal(strv_push(&list->grants[1]->rp_ids, "fast.example"), 0);
        for (unsigned i = 0; i < 9; i++)
                assert_int_equal(
                        take_call(list, &granted, "shop", RIGHT_AUTHORIZE, "fast.example", 1500),
                        ACCESS_ALLOWED);
        assert_int_equal(take_call(list, &granted, "shop", RIGHT_AUTHORIZE, "slow.example", 1500),
                         ACCESS_LIMITED);
}

static AccessDecision decide(const GrantList *list, const Caller *caller, const char *tenancy,
                             unsigned rights, const char *rp_id)
{
        const AccessQuery query = {
                .caller = caller, .tenancy = tenancy, .rights = rights, .rp_id = rp_id};

        return access_decide(list, &query);
}

static void expect_lacks(const AccessQuery *query, unsigned lacks, const char *expected)
{
        _cleanup_(strv_freep) char **list = NULL;
        _cleanup_(freep) char *joined = NULL;

        assert_int_equal(access_list_lacks(query, lacks, &list), 0);
        joined = list ? strv_join((const char *const *) list) : strdup("");
        assert_string_equal(joined, expected);
}

/* The nearest grant of several is the one of the caller, then of the tenancy, then with the right.
 */
static void test_nearest(void **state)
{
        GrantList *list = *state;
        AccessDecision decision;

        decision = decide(list, &stranger, "shop", RIGHT_AUTHORIZE, NULL);
        assert_int_equal(decision.verdict, ACCESS_DENIED);
        assert_ptr_equal(decision.grant, list->grants[0]);
        assert_int_equal(decision.lacks, LACKS_CALLER);
        push_grant(list);
        list->grants[1]->allow = RIGHT_MAILBOX;
        grant_clear_users(list->grants[0]);
        decision = decide(list, &granted, "shop", RIGHT_AUTHORIZE, "x.example");
        assert_ptr_equal(decision.grant, list->grants[1]);
        assert_int_equal(decision.lacks, LACKS_RIGHT);
        decision = decide(list, &granted, "other", RIGHT_MAILBOX, NULL);
        assert_ptr_equal(decision.grant, list->grants[1]);
        assert_int_equal(decision.lacks, LACKS_TENANCY);
        assert_int_equal(strv_push(&list->grants[1]->rp_ids, "shop.example"), 0);
        decision = decide(list, &granted, "shop", RIGHT_AUTHORIZE, "x.example");
        assert_int_equal(decision.lacks, LACKS_RIGHT | LACKS_RP);
        assert_null(decide(&(GrantList){}, &granted, "shop", RIGHT_MAILBOX, NULL).grant);
        assert_null(decide(list, &root, "shop", RIGHT_MAILBOX, NULL).grant);
}

static void test_lacks(void **state)
{
        AccessQuery query = {.caller = &granted,
                             .tenancy = "shop",
                             .rights = RIGHT_LINKS_READ | RIGHT_LINKS_WRITE,
                             .rp_id = "x.example"};
        const unsigned all = LACKS_CALLER | LACKS_TENANCY | LACKS_RIGHT | LACKS_RP;

        expect_lacks(&query, all, "Tenancy=shop User=1000 Allow=Links.Read RpId=x.example");
        expect_lacks(&query, 0, "");
        query.rp_id = "x.example\nUser=0";
        query.rights = RIGHT_ALL;
        expect_lacks(&query, LACKS_RIGHT, "Allow=");
        query.rights = 0;
        expect_lacks(&query, LACKS_RIGHT | LACKS_RP, "");
}

static void test_unenforced(void **state)
{
        const gid_t gid = 50;
        const Caller member = {.uid = 1001, .gids = (gid_t *) &gid, .n_gids = 1};
        GrantList *list = *state;
        Grant *grant = list->grants[0];
        AccessDecision decision;

        grant->unenforced = true;
        assert_int_equal(strv_push(&grant->rp_ids, "shop.example"), 0);
        assert_int_equal(decide(list, &granted, "shop", RIGHT_AUTHORIZE, "Shop.example").verdict,
                         ACCESS_ALLOWED);
        decision = decide(list, &granted, "shop", RIGHT_AUTHORIZE, "x.example");
        assert_int_equal(decision.verdict, ACCESS_UNENFORCED);
        assert_int_equal(decision.lacks, LACKS_RP);
        assert_ptr_equal(decision.grant, grant);
        decision = decide(list, &member, "shop", RIGHT_LINKS_WRITE, NULL);
        assert_int_equal(decision.verdict, ACCESS_UNENFORCED);
        assert_int_equal(decision.lacks, LACKS_RIGHT);
        assert_true(grants_allow(list, &member, "shop", RIGHT_LINKS_WRITE, NULL));
        assert_true(grants_allow(list, &member, NULL, RIGHT_ALL, NULL));

        /* Default deny holds for other callers and tenancies, for the vault, and for root's
         * methods.
         */
        assert_false(grants_allow(list, &stranger, "shop", RIGHT_EXCHANGE, NULL));
        assert_false(grants_allow(list, &granted, "other", RIGHT_EXCHANGE, NULL));
        assert_false(grants_allow(list, &granted, "shop", RIGHT_VAULT_READ, NULL));
        assert_false(grants_allow(list, &granted, "shop", RIGHT_VAULT_WRITE, NULL));
        assert_false(grants_allow(list, &granted, "shop", 0, NULL));
        grant->allow |= RIGHT_VAULT_READ;
        assert_true(grants_allow(list, &granted, "shop", RIGHT_VAULT_READ, NULL));
}

static void test_unenforced_is_limited(void **state)
{
        GrantList *list = *state;
        Grant *grant = list->grants[0];

        grant->unenforced = true;
        grant->max_calls_per_s = 1;
        assert_int_equal(take_call(list, &granted, "shop", RIGHT_EXCHANGE, NULL, 1000),
                         ACCESS_UNENFORCED);
        assert_int_equal(take_call(list, &granted, "shop", RIGHT_EXCHANGE, NULL, 1000),
                         ACCESS_LIMITED);

        /* Nor does Enforce=no of another grant lift the limit of a grant that allows the call. */
        push_grant(list);
        list->grants[1]->unenforced = true;
        list->grants[1]->allow = 0;
        assert_int_equal(take_call(list, &granted, "shop", RIGHT_AUTHORIZE, NULL, 1000),
                         ACCESS_LIMITED);
        /* A grant that allows the call goes first. */
        list->grants[1]->allow = RIGHT_EXCHANGE;
        assert_int_equal(take_call(list, &granted, "shop", RIGHT_EXCHANGE, NULL, 1000),
                         ACCESS_ALLOWED);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)
                TEST(default_is_deny), TEST(right_and_tenancy), TEST(groups),
                TEST(rp_id),           TEST(max_calls_per_s),   TEST(nearest),
                TEST(lacks),           TEST(unenforced),        TEST(unenforced_is_limited),
#undef TEST
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
