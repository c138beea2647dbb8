/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Resolving the names of grants, with fake results. */

#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "daemon/audit/audit.h"
#include "daemon/grant-name-resolver.h"
#include "daemon/model/access.h"
#include "tests/unit/daemon/fake-nss-lookup-pool.h"
#include "tests/unit/test.h"

#define PATIENCE_MS 60000U

static char records[512];

void audit_write(const Audit *audit)
{
        size_t len = strlen(records);

        assert_int_equal(audit->event, EVENT_CONFIGURATION_FOUND);
        snprintf(records + len, sizeof(records) - len, "%s %s;", audit->tenancy, audit->text);
}

typedef struct Fixture {
        sd_event *event;
        GrantNameResolver *names;
        GrantList grants;
        unsigned n_changes;
} Fixture;

static void on_changed(void *userdata)
{
        Fixture *fixture = userdata;

        fixture->n_changes++;
}

/* Two grants: user ada and group staff, and users ada and bob. */
static int set_up(void **state)
{
        Fixture *fixture = calloc(1, sizeof(Fixture));

        fake_lookups_reset();
        records[0] = '\0';
        assert_int_equal(sd_event_new(&fixture->event), 0);
        assert_int_equal(
                grant_name_resolver_new(fixture->event, on_changed, fixture, &fixture->names), 0);
        for (size_t i = 0; i < 2; i++) {
                Grant *grant = calloc(1, sizeof(Grant));

                grant->name = strdup(i == 0 ? "one" : "two");
                grant->tenancy = strdup("shop");
                grant->allow = i == 0 ? RIGHT_EXCHANGE : RIGHT_MAILBOX;
                assert_int_equal(grant_list_push(&fixture->grants, grant), 0);
                assert_int_equal(grant_add_name(grant, false, "ada", i == 0 ? "f:1" : "f:5"), 0);
                assert_int_equal(grant_add_name(grant, i == 0, i == 0 ? "staff" : "bob",
                                                i == 0 ? "f:2" : "f:6"),
                                 0);
        }
        *state = fixture;
        return 0;
}

static int tear_down(void **state)
{
        Fixture *fixture = *state;

        grant_name_resolver_free(fixture->names);
        grant_list_clear(&fixture->grants);
        sd_event_unref(fixture->event);
        free(fixture);
        return 0;
}

static bool allowed(const Fixture *fixture, uid_t uid, gid_t gid, Right right)
{
        const Caller caller = {.uid = uid, .gids = &gid, .n_gids = 1};

        return grants_allow(&fixture->grants, &caller, "shop", right, NULL);
}

static void test_each_is_asked_once(void **state)
{
        Fixture *fixture = *state;

        assert_int_equal(grant_name_resolver_start(fixture->names, &fixture->grants), 0);
        assert_int_equal(fake_n_asked, 3);
        assert_true(fake_is_asked("ada") && fake_is_asked("bob") && fake_is_asked("%staff"));
        assert_false(grant_name_resolver_is_done(fixture->names));
        grant_name_resolver_apply(fixture->names, &fixture->grants, true);
        assert_false(allowed(fixture, 1, 3, RIGHT_ALL));

        fake_answer("ada", 1, 1);
        fake_answer("%staff", 1, 3);
        assert_false(grant_name_resolver_is_done(fixture->names));
        fake_answer("bob", 0, 0);
        assert_true(grant_name_resolver_is_done(fixture->names));
        assert_int_equal(fixture->n_changes, 3);

        /* Results before the configuration is in force leave no record. */
        grant_name_resolver_apply(fixture->names, &fixture->grants, false);
        assert_true(allowed(fixture, 1, 9, RIGHT_EXCHANGE));
        assert_true(allowed(fixture, 1, 9, RIGHT_MAILBOX));
        assert_true(allowed(fixture, 2, 3, RIGHT_EXCHANGE));
        assert_false(allowed(fixture, 2, 3, RIGHT_MAILBOX));
        assert_false(allowed(fixture, 3, 1, RIGHT_ALL));
        assert_string_equal(records, "");
}

static void test_missing_matches_nobody(void **state)
{
        const int nothing[] = {0, -EIO, -EINPROGRESS};
        Fixture *fixture = *state;

        assert_int_equal(grant_name_resolver_start(fixture->names, &fixture->grants), 0);
        for (size_t i = 0; i < ARRAY_SIZE(nothing); i++) {
                Grant *grant = fixture->grants.grants[0];

                grant->names[0].result = (NssResult){.r = nothing[i], .id = 1};
                grant->names[1].result = (NssResult){.r = nothing[i], .id = 3};
                assert_false(allowed(fixture, 1, 3, RIGHT_EXCHANGE));
        }
}

static void test_findings(void **state)
{
        Fixture *fixture = *state;
        FindingList list = {};

        assert_int_equal(grant_name_resolver_start(fixture->names, &fixture->grants), 0);
        fake_answer("ada", 0, 0);
        fake_answer("%staff", -EIO, 0);
        grant_name_resolver_apply(fixture->names, &fixture->grants, false);
        assert_int_equal(grant_name_resolver_diagnose(&fixture->grants, &list), 0);
        assert_int_equal(list.n_findings, 4);
        assert_string_equal(list.findings[0].kind, "user");
        assert_string_equal(list.findings[0].name, "ada");
        assert_string_equal(list.findings[0].tenancy, "shop");
        assert_string_equal(list.findings[0].place, "f:1");
        assert_string_equal(list.findings[0].text, "No such user: ada; grant one ignores the name");
        assert_string_equal(list.findings[1].kind, "group");
        assert_non_null(strstr(list.findings[1].text,
                               "group staff in the user database: Input/output error"));
        assert_string_equal(list.findings[2].place, "f:5");
        assert_non_null(strstr(list.findings[3].text, "has not finished"));
        finding_list_clear(&list);

        fake_answer("bob", 1, 2);
        grant_name_resolver_apply(fixture->names, &fixture->grants, true);
        assert_int_equal(grant_name_resolver_diagnose(&fixture->grants, &list), 0);
        assert_int_equal(list.n_findings, 3);
        finding_list_clear(&list);
        assert_string_equal(records, "shop f:6: user bob resolves to uid 2;");
}

static void run_until_asked(Fixture *fixture, size_t n)
{
        uint64_t end_ms = monotonic_ms() + PATIENCE_MS;

        while (fake_n_asked < n) {
                assert_true(sd_event_run(fixture->event, 1000000) >= 0);
                assert_true(monotonic_ms() < end_ms);
        }
}

/* Only missing names are looked up again. */
static void test_missing_is_asked_for_again(void **state)
{
        Fixture *fixture = *state;

        assert_int_equal(grant_name_resolver_start(fixture->names, &fixture->grants), 0);
        fake_answer("%staff", 1, 3);
        fake_answer("bob", 0, 0);
        assert_int_equal(fake_n_asked, 1); /* ada, still */
        run_until_asked(fixture, 2);
        assert_string_equal(fake_asked[0], "ada");
        assert_string_equal(fake_asked[1], "bob");
        grant_name_resolver_apply(fixture->names, &fixture->grants, false);

        fake_answer("bob", 0, 0);
        fake_answer("ada", -EIO, 0);
        run_until_asked(fixture, 2);
        fake_answer("ada", 1, 1);
        fake_answer("bob", 1, 2);
        grant_name_resolver_apply(fixture->names, &fixture->grants, true);
        assert_string_equal(records, "shop f:1: user ada resolves to uid 1;"
                                     "shop f:5: user ada resolves to uid 1;"
                                     "shop f:6: user bob resolves to uid 2;");
        assert_true(allowed(fixture, 2, 9, RIGHT_MAILBOX));

        /* No missing name: no timer. */
        assert_int_equal(sd_event_run(fixture->event, 1500 * 1000), 0);
        assert_int_equal(fake_n_asked, 0);
}

/* A reload keeps old results until new ones arrive. */
static void test_looked_up_anew(void **state)
{
        Fixture *fixture = *state;

        assert_int_equal(grant_name_resolver_start(fixture->names, &fixture->grants), 0);
        fake_answer("bob", 1, 2);
        fake_answer("%staff", 0, 0);
        fake_answer("ada", 1, 1);
        grant_name_resolver_apply(fixture->names, &fixture->grants, false);
        assert_int_equal(grant_name_resolver_start(fixture->names, &fixture->grants), 0);
        assert_int_equal(fake_n_cancelled, 2);
        assert_int_equal(fake_n_asked, 3);
        /* Known names are looked up first. */
        assert_string_equal(fake_asked[2], "%staff");

        grant_name_resolver_apply(fixture->names, &fixture->grants, true);
        assert_true(allowed(fixture, 1, 9, RIGHT_EXCHANGE));
        assert_true(allowed(fixture, 2, 9, RIGHT_MAILBOX));
        fake_answer("ada", 1, 4);
        fake_answer("bob", 0, 0);
        grant_name_resolver_apply(fixture->names, &fixture->grants, true);
        assert_false(allowed(fixture, 1, 9, RIGHT_ALL));
        assert_true(allowed(fixture, 4, 9, RIGHT_EXCHANGE));
        assert_false(allowed(fixture, 2, 9, RIGHT_ALL));
        assert_string_equal(records, "");
}

static void test_wait_has_an_end(void **state)
{
        Fixture *fixture = *state;
        uint64_t begin_ms = monotonic_ms();

        assert_int_equal(grant_name_resolver_start(fixture->names, &fixture->grants), 0);
        grant_name_resolver_wait(fixture->names, 50);
        assert_true(monotonic_ms() - begin_ms >= 50);
        assert_false(grant_name_resolver_is_done(fixture->names));
}

static void test_no_names(void **state)
{
        Fixture *fixture = *state;
        const GrantList none = {};

        assert_int_equal(grant_name_resolver_start(fixture->names, &none), 0);
        assert_true(grant_name_resolver_is_done(fixture->names));
        grant_name_resolver_wait(fixture->names, PATIENCE_MS);
        assert_int_equal(fake_n_asked, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_each_is_asked_once, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_missing_matches_nobody, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_findings, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_missing_is_asked_for_again, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_looked_up_anew, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_wait_has_an_end, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_no_names, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
