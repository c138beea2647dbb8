/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>

#include "sandbox/tenancy/mailbox.h"
#include "tests/unit/test.h"

enum { NOW_MS = 1000000 };

static const ChallengeRequest request = {.email = "ada@example.com", .purpose = "login"};

static const char *id_of(const NewChallenge *new)
{
        return json_text(new->challenge, "challengeId");
}

static ErrorTag verify(Mailbox *mailbox, const NewChallenge *new, const char *code, int64_t now_ms)
{
        _cleanup_(json_decrefp) json_t *challenge = NULL;
        ErrorTag tag = mailbox_verify(mailbox, id_of(new), new->secret, code, now_ms, &challenge);

        assert_true((tag == ERROR_NONE) == json_equal(challenge, new->challenge));
        return tag;
}

/* Returns a wrong code. */
static const char *other_code(const NewChallenge *new)
{
        return streq(new->code, "000000") ? "000001" : "000000";
}

static void test_once(void **state)
{
        _cleanup_(mailbox_done) Mailbox mailbox = {};
        _cleanup_(new_challenge_done) NewChallenge new = {};

        assert_int_equal(mailbox_init(&mailbox, NULL), 0);
        mailbox_create(&mailbox, &request, NOW_MS, &new);
        assert_int_equal(strlen(new.code), 6);
        assert_int_equal(strspn(new.code, "0123456789"), 6);
        assert_ptr_equal(mailbox_find(&mailbox, id_of(&new), NOW_MS), new.challenge);
        assert_int_equal(verify(&mailbox, &new, other_code(&new), NOW_MS),
                         ERROR_INVALID_CHALLENGE_CODE);
        assert_int_equal(verify(&mailbox, &new, new.code, NOW_MS), ERROR_NONE);
        assert_int_equal(verify(&mailbox, &new, new.code, NOW_MS), ERROR_INVALID_CHALLENGE);
        assert_null(mailbox_find(&mailbox, id_of(&new), NOW_MS));
}

static void test_attempts(void **state)
{
        _cleanup_(mailbox_done) Mailbox mailbox = {};
        _cleanup_(new_challenge_done) NewChallenge new = {};

        assert_int_equal(mailbox_init(&mailbox, NULL), 0);
        mailbox_create(&mailbox, &request, NOW_MS, &new);
        for (int i = 0; i < CHALLENGE_ATTEMPTS_MAX; i++)
                assert_int_equal(verify(&mailbox, &new, other_code(&new), NOW_MS),
                                 ERROR_INVALID_CHALLENGE_CODE);
        assert_int_equal(verify(&mailbox, &new, new.code, NOW_MS),
                         ERROR_CHALLENGE_ATTEMPTS_EXCEEDED);
}

static void test_expiry(void **state)
{
        int64_t end_ms = NOW_MS + CHALLENGE_LIFETIME_MS;
        _cleanup_(mailbox_done) Mailbox mailbox = {};
        _cleanup_(new_challenge_done) NewChallenge old = {}, late = {}, last = {};

        assert_int_equal(mailbox_init(&mailbox, NULL), 0);
        mailbox_create(&mailbox, &request, NOW_MS, &old);
        mailbox_create(&mailbox, &request, NOW_MS, &last);
        assert_non_null(mailbox_find(&mailbox, id_of(&old), end_ms - 1));
        assert_null(mailbox_find(&mailbox, id_of(&old), end_ms));
        assert_int_equal(verify(&mailbox, &last, last.code, end_ms - 1), ERROR_NONE);
        /* Expiry is checked before the code. */
        assert_int_equal(verify(&mailbox, &old, other_code(&old), end_ms), ERROR_CHALLENGE_EXPIRED);
        /* Expired challenges are dropped after an hour. */
        mailbox_create(&mailbox, &request, end_ms + 3600000, &late);
        assert_int_equal(json_object_size(mailbox.entries), 1);
        assert_int_equal(verify(&mailbox, &old, old.code, end_ms), ERROR_INVALID_CHALLENGE);
}

static void test_void(void **state)
{
        static const ChallengeRequest user = {"ada@example.com", "login", "u", NULL};
        static const ChallengeRequest other = {"ada@example.com", "reset", "u", NULL};
        _cleanup_(new_challenge_done) NewChallenge by_mail = {}, by_user = {}, elsewhere = {};
        _cleanup_(mailbox_done) Mailbox mailbox = {};

        assert_int_equal(mailbox_init(&mailbox, NULL), 0);
        mailbox_create(&mailbox, &request, NOW_MS, &by_mail);
        mailbox_create(&mailbox, &user, NOW_MS, &by_user);
        mailbox_create(&mailbox, &other, NOW_MS, &elsewhere);
        mailbox_void(&mailbox, &user);
        assert_non_null(mailbox_find(&mailbox, id_of(&by_mail), NOW_MS));
        assert_null(mailbox_find(&mailbox, id_of(&by_user), NOW_MS));
        mailbox_void(&mailbox, &request);
        assert_null(mailbox_find(&mailbox, id_of(&by_mail), NOW_MS));
        assert_non_null(mailbox_find(&mailbox, id_of(&elsewhere), NOW_MS));
}

static void test_limit(void **state)
{
        _cleanup_(new_challenge_done) NewChallenge first = {}, second = {};
        _cleanup_(mailbox_done) Mailbox mailbox = {};

        assert_int_equal(mailbox_init(&mailbox, NULL), 0);
        mailbox_create(&mailbox, &request, NOW_MS, &first);
        mailbox_create(&mailbox, &request, NOW_MS, &second);
        for (size_t i = 2; i <= CHALLENGES_MAX; i++) {
                _cleanup_(new_challenge_done) NewChallenge new = {};

                mailbox_create(&mailbox, &request, NOW_MS, &new);
        }
        assert_int_equal(json_object_size(mailbox.entries), CHALLENGES_MAX);
        assert_null(mailbox_find(&mailbox, id_of(&first), NOW_MS));
        assert_non_null(mailbox_find(&mailbox, id_of(&second), NOW_MS));
}

static void test_saved(void **state)
{
        _cleanup_(json_decrefp) json_t *saved = NULL;
        _cleanup_(mailbox_done) Mailbox before = {}, after = {};
        _cleanup_(new_challenge_done) NewChallenge new = {};
        _cleanup_(freep) char *text = NULL;

        assert_int_equal(mailbox_init(&before, NULL), 0);
        mailbox_create(&before, &request, NOW_MS, &new);
        saved = json_deep_copy(before.entries);
        text = json_dumps(saved, 0);
        assert_null(strstr(text, new.secret));
        assert_int_equal(mailbox_init(&after, saved), 0);
        assert_int_equal(verify(&after, &new, new.code, NOW_MS), ERROR_NONE);
}

/* Each member missing, and of a wrong type. */
static void test_saved_badly(void **state)
{
        static const char *const entry_members[] = {"challenge", "secretHash", "codeHash",
                                                    "attempts"};
        static const char *const members[] = {"_tag",     "challengeId", "purpose",  "email",
                                              "metadata", "createdAt",   "expiresAt"};
        _cleanup_(mailbox_done) Mailbox good = {};
        _cleanup_(new_challenge_done) NewChallenge new = {};
        _cleanup_(json_decrefp) json_t *array = json_array();
        size_t n_entry = ARRAY_SIZE(entry_members), n = n_entry + ARRAY_SIZE(members);
        Mailbox bad;

        assert_int_equal(mailbox_init(&bad, array), -EBADMSG);
        assert_int_equal(mailbox_init(&good, NULL), 0);
        mailbox_create(&good, &request, NOW_MS, &new);
        for (size_t i = 0; i < 2 * n; i++) {
                _cleanup_(json_decrefp) json_t *saved = json_deep_copy(good.entries);
                json_t *object = json_object_get(saved, id_of(&new));
                const char *name =
                        i / 2 < n_entry ? entry_members[i / 2] : members[i / 2 - n_entry];

                if (i / 2 >= n_entry)
                        object = json_object_get(object, "challenge");
                if (i % 2)
                        json_object_set_new(object, name, json_real(0.5));
                else
                        json_object_del(object, name);
                assert_int_equal(mailbox_init(&bad, saved), -EBADMSG);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_once),        cmocka_unit_test(test_attempts),
                cmocka_unit_test(test_expiry),      cmocka_unit_test(test_void),
                cmocka_unit_test(test_limit),       cmocka_unit_test(test_saved),
                cmocka_unit_test(test_saved_badly),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
