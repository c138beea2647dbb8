/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/model/recovery.h"
#include "tests/unit/test.h"

/* Times are seconds here, and small. */
#define S 1000U

static Recovery *recovery;

static int set_up(void **state)
{
        recovery = calloc(1, sizeof(Recovery));
        return 0;
}

static int tear_down(void **state)
{
        recovery = recovery_free(recovery);
        return 0;
}

/* An exchange that began at that time on both clocks, of a passkey that was used in the 300 s
 * before. */
static void add_claim(const char *user, uint64_t begun_at_s)
{
        RecoveryClaim claim = {.intent_id = begun_at_s,
                               .user_id = user ? strdup(user) : NULL,
                               .since_ms = (begun_at_s - 300) * S,
                               .until_ms = begun_at_s * S,
                               .begun_at_ms = begun_at_s * S,
                               .reach_ms = 300 * S};

        assert_int_equal(recovery_add_claim(recovery, &claim), 0);
}

static RecoveryCandidate *add_used(const char *id, const char *user, uint64_t created_at_s,
                                   uint64_t used_at_s)
{
        RecoveryCandidate candidate = {.created_at_ms = created_at_s * S,
                                       .last_used_at_ms = used_at_s * S};

        assert_int_equal(link_new(id, user, NULL, 1, 0, &candidate.link), 0);
        assert_int_equal(recovery_add_candidate(recovery, &candidate), 0);
        return &recovery->candidates[recovery->n_candidates - 1];
}

static RecoveryCandidate *add_candidate(const char *id, const char *user, uint64_t created_at_s)
{
        return add_used(id, user, created_at_s, 0);
}

static void decide(RecoveryCandidate *candidate, uint64_t at_s)
{
        candidate->tombstone_id = at_s;
        candidate->tombstoned_at_ms = at_s * S;
}

static void check_taken(const char *id, bool taken)
{
        for (size_t i = 0; i < recovery->n_candidates; i++)
                if (streq(recovery->candidates[i].link->authenticator_id, id)) {
                        assert_int_equal(recovery->candidates[i].taken, taken);
                        return;
                }
        fail();
}

static void check_match(size_t n_left)
{
        size_t n_claimed = 0, n_taken = 0;

        assert_int_equal(recovery_assign(recovery), n_left);
        for (size_t i = 0; i < recovery->n_claims; i++) {
                size_t candidate = recovery->claims[i].candidate;

                if (candidate == RECOVERY_NONE)
                        continue;
                n_claimed++;
                assert_true(recovery->candidates[candidate].taken);
        }
        for (size_t i = 0; i < recovery->n_candidates; i++)
                n_taken += recovery->candidates[i].taken;
        assert_int_equal(n_claimed, n_taken); /* each by one */
}

static void test_one_each(void **state)
{
        add_claim(NULL, 1000);
        add_claim("bob", 1010);
        add_candidate("pk-a", "ada", 990);
        add_candidate("pk-b", "bob", 1000);
        check_match(0);
        check_taken("pk-a", true);
        check_taken("pk-b", true);
}

static void test_never_another_user(void **state)
{
        add_claim("bob", 1000);
        add_candidate("pk-a", "ada", 990);
        check_match(0);
        check_taken("pk-a", false);
}

/* Passkeys outside of the claim's window do not match; an old one that was used within it does. */
static void test_times(void **state)
{
        add_claim("ada", 1000);
        add_claim("ada", 1000);
        add_claim("ada", 1000);
        add_candidate("pk-early", "ada", 699);
        add_candidate("pk-late", "ada", 1001);
        add_candidate("pk-first", "ada", 700);
        add_used("pk-signed-in", "ada", 5, 700);
        add_used("pk-signed-in-again", "ada", 5, 5000);
        add_used("pk-unused", "ada", 5, 699);
        check_match(0);
        check_taken("pk-early", false);
        check_taken("pk-late", false);
        check_taken("pk-first", true);
        check_taken("pk-signed-in", true);
        check_taken("pk-signed-in-again", true);
        check_taken("pk-unused", false);
}

/* Tombstoned since the exchange, or so shortly before that no use in between is certain. */
static void test_decisions(void **state)
{
        add_claim(NULL, 1000);
        add_claim(NULL, 1000);
        decide(add_candidate("pk-since", "ada", 990), 1001);
        decide(add_candidate("pk-shortly-before", "bob", 800), 900);
        decide(add_used("pk-long-before", "eve", 100, 800), 600);
        check_match(0);
        check_taken("pk-since", false);
        check_taken("pk-shortly-before", false);
        check_taken("pk-long-before", true);
}

/* Ambiguous: only claims with a user are matched. */
static void test_ambiguous(void **state)
{
        add_claim(NULL, 1000);
        add_claim("bob", 1000);
        add_claim(NULL, 1000);
        add_candidate("pk-1", "ada", 990);
        add_candidate("pk-2", "eve", 990);
        add_candidate("pk-3", "bob", 990);
        add_candidate("pk-4", "eve", 990);
        check_match(3);
        check_taken("pk-3", true);
        for (const char *id = "124"; *id; id++)
                check_taken((char[]){'p', 'k', '-', *id, '\0'}, false);
}

static void test_never_more_than_claims(void **state)
{
        add_claim("bob", 1000);
        add_candidate("pk-1", "bob", 900);
        add_candidate("pk-2", "bob", 990);
        add_candidate("pk-3", "bob", 950);
        check_match(2);
        check_taken("pk-2", true); /* the latest */
}

/* A leftover of a known user may match a claim for any user. */
static void test_known_user_and_any(void **state)
{
        add_claim("bob", 1000);
        add_claim(NULL, 1000);
        add_candidate("pk-1", "bob", 900);
        add_candidate("pk-2", "bob", 990);
        check_match(0);
        check_taken("pk-1", true);
        check_taken("pk-2", true);
}

/* The first claim reaches further back, and must leave the candidate that the other needs. */
static void test_claims_of_different_times(void **state)
{
        add_claim(NULL, 1000);
        add_claim(NULL, 1200);
        add_candidate("pk-both", "ada", 950);
        add_candidate("pk-first-only", "bob", 750);
        check_match(0);
        check_taken("pk-both", true);
        check_taken("pk-first-only", true);
}

static void test_settled_and_linked(void **state)
{
        add_claim(NULL, 1000);
        add_claim(NULL, 1000);
        recovery->claims[0].resolved = true;
        add_candidate("pk-linked", "ada", 990)->linked = true;
        add_candidate("pk-1", "ada", 990);
        check_match(0);
        check_taken("pk-linked", false);
        check_taken("pk-1", true);
        add_candidate("pk-2", "ada", 990);
        check_match(2); /* for one claim */
}

/* A sign-in may have been cut off as well. */
static void test_linked_and_expected(void **state)
{
        add_claim("ada", 1000);
        add_used("pk-linked", "ada", 5, 995)->linked = true;
        add_candidate("pk-1", "ada", 990);
        check_match(1);
        check_taken("pk-linked", true);
        check_taken("pk-1", false);
}

static void test_linked_before_or_after(void **state)
{
        add_claim("ada", 1000);
        add_used("pk-before", "ada", 5, 985)->linked = true;
        add_used("pk-after", "ada", 5, 1005)->linked = true;
        add_candidate("pk-1", "ada", 990);
        check_match(0);
        check_taken("pk-1", true);
}

static void test_linked_and_used_since(void **state)
{
        RecoveryCandidate *candidate;

        add_claim(NULL, 1000);
        candidate = add_used("pk-linked", "eve", 5, 995);
        candidate->linked = candidate->used_since = true;
        check_match(0);
        check_taken("pk-linked", true);
        add_candidate("pk-1", "ada", 990);
        check_match(1); /* ambiguous */
        check_taken("pk-1", false);
}

#define HOUR (3600U * S)

/* A moment of one boot. */
static HostTime host_time(uint8_t boot, uint64_t boottime_ms, uint64_t realtime_ms)
{
        HostTime time = {.boottime_ms = boottime_ms, .realtime_ms = realtime_ms};

        memset(time.boot_id, boot, BOOT_ID_LEN);
        return time;
}

/* Checks the API times that match. */
static void check_period(const ExchangeIntent *intent, const RecoveryClock *now, uint64_t since_ms,
                         uint64_t until_ms)
{
        assert_int_equal(recovery_add_exchange(recovery, intent, now), 0);
        assert_int_equal(recovery->claims[0].intent_id, intent->id);
        assert_int_equal(recovery->claims[0].since_ms, since_ms);
        assert_int_equal(recovery->claims[0].until_ms, until_ms);
        assert_true(recovery_match_passkey(recovery, "ada", since_ms, 0));
        assert_true(recovery_match_passkey(recovery, "ada", 1, since_ms));
        assert_true(recovery_match_passkey(recovery, "ada", until_ms, until_ms + HOUR));
        assert_false(recovery_match_passkey(recovery, "ada", until_ms + 1, until_ms + 1));
        if (since_ms > 0)
                assert_false(recovery_match_passkey(recovery, "ada", since_ms - 1, 0));
        free(recovery->claims[0].user_id);
        recovery->n_claims = 0;
}

#define WINDOW (400U * S)
#define MARGIN (120U * S)

/* The API's clock is three hours ahead of this host's, and this host's is set by days. */
static void test_clocks(void **state)
{
        ExchangeIntent intent = {.id = 7,
                                 .begun_at = host_time(1, 1000 * S, 500 * HOUR),
                                 .begun_at_api_ms = 503 * HOUR,
                                 .window_ms = WINDOW};
        RecoveryClock now = {.host = host_time(1, 1060 * S, 2 * HOUR),
                             .api_ms = 503 * HOUR + 60 * S};

        check_period(&intent, &now, 503 * HOUR - WINDOW, 503 * HOUR + MARGIN);
        /* The API's clock was unknown then; */
        intent.begun_at_api_ms = 0;
        check_period(&intent, &now, 503 * HOUR - WINDOW, 503 * HOUR + MARGIN);
        /* or is unknown now. */
        now.api_ms = 0;
        intent.begun_at_api_ms = 503 * HOUR;
        check_period(&intent, &now, 503 * HOUR - WINDOW, 503 * HOUR + MARGIN);
        /* The API's clock was never known. */
        intent.begun_at_api_ms = 0;
        check_period(&intent, &now, 476 * HOUR - WINDOW, 524 * HOUR + MARGIN);
}

/* The API's clock was set meanwhile: both times match. */
static void test_api_clock_is_set(void **state)
{
        ExchangeIntent intent = {.id = 7,
                                 .begun_at = host_time(1, 1000 * S, 500 * HOUR),
                                 .begun_at_api_ms = 500 * HOUR,
                                 .window_ms = WINDOW};
        RecoveryClock now = {.host = host_time(1, 1060 * S, 500 * HOUR + 60 * S)};

        now.api_ms = 502 * HOUR + 60 * S;
        check_period(&intent, &now, 500 * HOUR - WINDOW, 502 * HOUR + MARGIN);
        now.api_ms = 499 * HOUR + 60 * S;
        check_period(&intent, &now, 499 * HOUR - WINDOW, 500 * HOUR + MARGIN);
}

/* After a reboot the wall clock decides, unless it was set back. */
static void test_reboot(void **state)
{
        ExchangeIntent intent = {.id = 7,
                                 .begun_at = host_time(1, 9000 * S, 500 * HOUR),
                                 .begun_at_api_ms = 503 * HOUR,
                                 .window_ms = WINDOW};
        RecoveryClock now = {.host = host_time(2, 30 * S, 501 * HOUR), .api_ms = 504 * HOUR};

        check_period(&intent, &now, 503 * HOUR - WINDOW, 503 * HOUR + MARGIN);
        /* The exchange began before this boot, and the API's clock was known. */
        now.host.realtime_ms = 400 * HOUR;
        check_period(&intent, &now, 503 * HOUR - WINDOW, 504 * HOUR + MARGIN);
        /* Unknown age. */
        intent.begun_at_api_ms = 0;
        check_period(&intent, &now, 0, 504 * HOUR + MARGIN);
}

static void test_expected_user(void **state)
{
        char user[] = "ada";
        ExchangeIntent intent = {.id = 7,
                                 .user_id = user,
                                 .begun_at = host_time(1, 1000 * S, 500 * HOUR),
                                 .begun_at_api_ms = 500 * HOUR,
                                 .window_ms = WINDOW};
        RecoveryClock now = {.host = host_time(1, 1000 * S, 500 * HOUR), .api_ms = 500 * HOUR};

        assert_false(recovery_match_passkey(recovery, "ada", 500 * HOUR, 0));
        check_period(&intent, &now, 500 * HOUR - WINDOW, 500 * HOUR + MARGIN);
        assert_int_equal(recovery_add_exchange(recovery, &intent, &now), 0);
        assert_false(recovery_match_passkey(recovery, "bob", 500 * HOUR, 0));
}

/* The host's clock and the API's differ by hours. */
static void test_used_since(void **state)
{
        const RecoveryClock now = {.host = host_time(1, 0, 100 * HOUR), .api_ms = 105 * HOUR};
        const RecoveryClock never = {.host = host_time(1, 0, 100 * HOUR)};
        Link link = {.created_at_ms = 50 * HOUR, .last_used_at_ms = 99 * HOUR};

        assert_false(recovery_is_used_since(&now, &link, 0));
        assert_false(recovery_is_used_since(&now, &link, 104 * HOUR + 2 * S));
        assert_true(recovery_is_used_since(&now, &link, 104 * HOUR + 3 * S));
        link.last_used_at_ms = 0;
        assert_true(recovery_is_used_since(&now, &link, 104 * HOUR));
        assert_false(recovery_is_used_since(&never, &link, 104 * HOUR));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(test_one_each),
                TEST(test_never_another_user),
                TEST(test_times),
                TEST(test_decisions),
                TEST(test_ambiguous),
                TEST(test_never_more_than_claims),
                TEST(test_known_user_and_any),
                TEST(test_claims_of_different_times),
                TEST(test_settled_and_linked),
                TEST(test_linked_and_expected),
                TEST(test_linked_before_or_after),
                TEST(test_linked_and_used_since),
                TEST(test_used_since),
                TEST(test_clocks),
                TEST(test_api_clock_is_set),
                TEST(test_reboot),
                TEST(test_expected_user),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
