/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <sys/stat.h>

#include "base/text.h"
#include "client/passlockctl/host/grant-suggestion.h"
#include "daemon/config/config.h"
#include "dbus/event.h"
#include "tests/unit/test.h"

#define DENIED "org.freedesktop.DBus.Error.AccessDenied"

static char directory[] = "/tmp/test-grant-suggestion-XXXXXX";

static int set_up(void **state)
{
        static GrantSuggestions suggestions;

        STAILQ_INIT(&suggestions);
        *state = &suggestions;
        return 0;
}

static int tear_down(void **state)
{
        grant_suggestions_clear(*state);
        return 0;
}

/* Adds a record of a call by uid 33, with defaults for the other fields. */
static void add(GrantSuggestions *suggestions, RecordedCall call)
{
        call.event = call.event ?: "link-added";
        call.uid = call.uid ?: "33";
        call.decided_by = call.decided_by ?: "grant";
        call.tenancy = call.tenancy ?: "shop";
        call.right = call.right ?: "Links.Write";
        assert_int_equal(grant_suggestions_add(suggestions, &call), 0);
}

#define ADD(...)    add(*state, (RecordedCall){__VA_ARGS__})
#define REFUSE(...) ADD(.event = "call-refused", .error = DENIED, __VA_ARGS__)

/* Prints all suggestions. */
static char *print(const GrantSuggestions *suggestions, const char *user)
{
        const GrantSuggestion *suggestion;
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        assert_non_null(f);
        STAILQ_FOREACH(suggestion, suggestions, entry)
                grant_suggestion_print(suggestion, user, f);
        assert_int_equal(fclose(f), 0);
        return text;
}

static void test_smallest_grant(void **state)
{
        _cleanup_(freep) char *text = NULL;

        ADD(.right = "Authorize", .rp_id = "Shop.Example.com");
        ADD(.right = "Authorize", .rp_id = "shop.example.com");
        ADD(.right = "AuthorizeAuthentication", .rp_id = "www.example.com");
        ADD(.event = "would-be-denied", .right = "Links.Read");
        ADD(.event = "call-rejected", .right = "Exchange");
        ADD(.event = "call-refused", .right = "VerifyIdToken", .error = "LimitsExceeded");
        REFUSE(.right = "Vault.Read");
        REFUSE(.right = "Links.Read");
        /* Others need no grant. */
        ADD(.decided_by = "root", .right = "Mailbox");
        ADD(.decided_by = "polkit", .right = "Mailbox");
        text = print(*state, "www-data");
        assert_string_equal(text, "\n# User www-data, tenancy shop\n"
                                  "[Grant suggested-www-data-shop]\n"
                                  "Tenancy=shop\n"
                                  "User=www-data\n"
                                  "Allow=Authorize AuthorizeAuthentication Links.Read Exchange\n"
                                  "RpId=shop.example.com\n"
                                  "RpId=www.example.com\n"
                                  "# Denied, and not in this grant: Vault.Read\n");
}

static void test_users_and_tenancies(void **state)
{
        _cleanup_(freep) char *text = NULL;

        ADD(.uid = "34");
        ADD(.tenancy = "other");
        REFUSE(.uid = "35");
        text = print(*state, NULL);
        assert_string_equal(text, "\n# User 34, tenancy shop\n"
                                  "[Grant suggested-34-shop]\n"
                                  "Tenancy=shop\nUser=34\nAllow=Links.Write\n"
                                  "\n# User 33, tenancy other\n"
                                  "[Grant suggested-33-other]\n"
                                  "Tenancy=other\nUser=33\nAllow=Links.Write\n"
                                  "\n# User 35, tenancy shop: no call was allowed by a grant\n"
                                  "# Denied, and not in this grant: Links.Write\n");
}

/* The labels are valid, so their tenancies may be configured. */
static void write_tenancies(const GrantSuggestions *suggestions, FILE *f)
{
        const GrantSuggestion *s;

        STAILQ_FOREACH(s, suggestions, entry)
                fprintf(f, "[Tenancy %s]\nTenancyId=%u-%s\n", s->tenancy, s->uid, s->tenancy);
}

/* The output, whatever the records and the user database have, is a valid configuration with no
 * other grants. */
static void test_hostile_records(void **state)
{
        static const char *const values[] = {
                "",
                " ",
                "x\nUser=root",
                "x\n[Grant evil]\nUser=1\nAllow=All",
                "]",
                "a]b",
                "#",
                "\\",
                "x \\",
                "All",
                "33 34",
                "-1",
                "4294967295",
                "4294967296",
                "0",
                "0x21",
                "a=b",
                "evil;example",
                "\xff\xfe",
                "1.2.3.4",
                "a..b",
                "*",
                "too_long_a_word_for_a_label_and_a_user_name_of_a_section_of_the_file",
        };
        _cleanup_(freep) char *file = text_format("%s/passlockd.conf", directory);

        for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
                ADD(.uid = values[i]);
                ADD(.tenancy = values[i]);
                ADD(.right = values[i]);
                ADD(.event = values[i]);
                ADD(.decided_by = values[i]);
                ADD(.right = "Authorize", .rp_id = values[i]);
                REFUSE(.right = values[i]);
                REFUSE(.rp_id = values[i], .tenancy = values[i]);
        }
        ADD(.right = "Authorize", .rp_id = "good.example");
        for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
                _cleanup_(freep) char *text = print(*state, values[i]), *error = NULL;
                _cleanup_(config_freep) Config *config = NULL;
                FILE *f = fopen(file, "we");

                assert_non_null(f);
                write_tenancies(*state, f);
                fputs(text, f);
                assert_int_equal(fclose(f), 0);
                if (config_load(file, &config, &error) != 0)
                        fail_msg("%s in:\n%s", error, text);
                for (size_t j = 0; j < config->grants.n_grants; j++) {
                        const Grant *grant = config->grants.grants[j];

                        assert_int_equal(strncmp(grant->name, "suggested-", 10), 0);
                        assert_int_equal(grant->n_uids + grant->n_names, 1);
                        assert_int_equal(grant->n_gids, 0);
                        assert_int_equal(grant->allow & ~(RIGHT_LINKS_WRITE | RIGHT_AUTHORIZE), 0);
                }
                assert_null(strstr(text, "\nUser=root"));
                assert_null(strstr(text, "evil]"));
        }
        assert_int_equal(remove(file), 0);
}

static int make_directory(void **state _unused_)
{
        return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state _unused_)
{
        return remove(directory);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_smallest_grant, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_users_and_tenancies, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_hostile_records, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
