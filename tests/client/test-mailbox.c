/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "tests/client/harness.h"

static void test_create(void **state)
{
        passlock *c = ((Harness *) *state)->client;
        passlock_challenge *challenge = NULL;
        passlock_options *options = NULL;

        assert_int_equal(passlock_options_new(&options), 0);
        assert_int_equal(passlock_options_set_string(options, "name", "Ada"), 0);
        assert_int_equal(passlock_options_set_bool(options, "send_email", false), 0);
        assert_int_equal(
                passlock_mailbox_create(c, "ada@shop.example", "login", options, &challenge), 0);
        passlock_options_unref(options);
        assert_string_equal(passlock_challenge_get_id(challenge), "ch-1");
        assert_string_equal(passlock_challenge_get_email(challenge), "ada@shop.example");
        assert_string_equal(passlock_challenge_get_purpose(challenge), "login");
        assert_string_equal(passlock_challenge_get_user_id(challenge), "ada");
        assert_string_equal(passlock_challenge_get_metadata(challenge), "{\"n\":1}");
        assert_int_equal(passlock_challenge_get_created_at_ms(challenge), 1700000000000);
        assert_int_equal(passlock_challenge_get_expires_at_ms(challenge), 1700000600000);
        assert_string_equal(passlock_challenge_get_secret(challenge), "s3cret");
        assert_string_equal(passlock_challenge_get_code(challenge), "123456");
        assert_string_equal(passlock_challenge_get_message_html(challenge), "<b>123456</b>");
        assert_string_equal(passlock_challenge_get_message_text(challenge),
                            " name=Ada send_email=no");
        assert_ptr_equal(passlock_challenge_ref(challenge), challenge);
        passlock_challenge_unref(challenge);
        assert_string_equal(passlock_challenge_get_code(challenge), "123456");
        assert_null(passlock_challenge_unref(challenge));
}

static void test_get(void **state)
{
        passlock *c = ((Harness *) *state)->client;
        passlock_challenge *challenge = NULL;

        assert_int_equal(passlock_mailbox_get(c, "plain", &challenge), 0);
        assert_string_equal(passlock_challenge_get_id(challenge), "plain");
        assert_null(passlock_challenge_get_user_id(challenge));
        assert_null(passlock_challenge_get_metadata(challenge));
        assert_null(passlock_challenge_get_secret(challenge));
        assert_null(passlock_challenge_get_code(challenge));
        assert_null(passlock_challenge_get_message_html(challenge));
        assert_null(passlock_challenge_get_message_text(challenge));
        passlock_challenge_unref(challenge);
}

static void test_verify_and_delete(void **state)
{
        Harness *h = *state;
        passlock_challenge *challenge = NULL;

        assert_int_equal(passlock_mailbox_verify(h->client, "ch-1", "s", "123456", &challenge), 0);
        assert_string_equal(passlock_challenge_get_email(challenge), "ada@shop.example");
        passlock_challenge_unref(challenge);
        assert_int_equal(harness_count_log(h, "VerifyChallenge ch-1 s 123456"), 1);
        assert_int_equal(passlock_mailbox_delete(h->client, "ch-1"), 0);
        assert_int_equal(harness_count_log(h, "DeleteChallenge ch-1"), 1);
}

static void test_failures(void **state)
{
        passlock_challenge *untouched = (passlock_challenge *) 1;
        passlock *c = ((Harness *) *state)->client;

        assert_int_equal(passlock_mailbox_verify(c, "error:14", "s", "c", &untouched),
                         PASSLOCK_ERROR_INVALID_CHALLENGE);
        assert_int_equal(passlock_mailbox_verify(c, "error:15", "s", "c", &untouched),
                         PASSLOCK_ERROR_INVALID_CHALLENGE_CODE);
        assert_int_equal(passlock_mailbox_verify(c, "error:16", "s", "c", &untouched),
                         PASSLOCK_ERROR_CHALLENGE_EXPIRED);
        assert_int_equal(passlock_mailbox_verify(c, "error:17", "s", "c", &untouched),
                         PASSLOCK_ERROR_CHALLENGE_ATTEMPTS_EXCEEDED);
        /* The fields of a new challenge. */
        assert_int_equal(passlock_mailbox_create(c, "incomplete", "p", NULL, &untouched), -EPROTO);
        assert_int_equal(passlock_mailbox_create(c, "bad-reply", "p", NULL, &untouched), -EPROTO);
        assert_int_equal(passlock_mailbox_get(c, "bad-reply", &untouched), -EPROTO);
        assert_int_equal(passlock_mailbox_create(c, "e", "p", NULL, NULL), -EINVAL);
        assert_int_equal(passlock_mailbox_create(c, NULL, "p", NULL, &untouched), -EINVAL);
        assert_int_equal(passlock_mailbox_get(c, "i", NULL), -EINVAL);
        assert_int_equal(passlock_mailbox_verify(c, "i", "s", "c", NULL), -EINVAL);
        assert_int_equal(passlock_mailbox_verify(c, "i", "s", NULL, &untouched), -EINVAL);
        assert_int_equal(passlock_mailbox_delete(c, NULL), -EINVAL);
        assert_null(passlock_challenge_unref(NULL));
        assert_ptr_equal(untouched, (passlock_challenge *) 1);
}

typedef struct Seen {
        unsigned n;
        int r;
} Seen;

static void on_challenge(passlock *client, int r, const char *error_text,
                         passlock_challenge *challenge, void *userdata)
{
        Seen *seen = userdata;

        assert_int_equal(r == 0, challenge != NULL);
        assert_int_equal(r == 0, error_text == NULL);
        seen->n++;
        seen->r = r;
}

static void on_done(passlock *client, int r, const char *error_text, void *userdata)
{
        Seen *seen = userdata;

        seen->n++;
        seen->r = r;
}

static void test_asynchronous(void **state)
{
        Harness *h = *state;
        passlock *c = h->client;
        Seen s[5] = {};

        assert_int_equal(
                passlock_mailbox_create_async(c, "e", "p", NULL, on_challenge, &s[0], NULL), 0);
        assert_int_equal(passlock_mailbox_get_async(c, "i", on_challenge, &s[1], NULL), 0);
        assert_int_equal(passlock_mailbox_verify_async(c, "i", "s", "c", on_challenge, &s[2], NULL),
                         0);
        assert_int_equal(passlock_mailbox_delete_async(c, "i", on_done, &s[3], NULL), 0);
        assert_int_equal(
                passlock_mailbox_create_async(c, "error:7", "p", NULL, on_challenge, &s[4], NULL),
                0);
        for (size_t i = 0; i < ARRAY_SIZE(s); i++)
                harness_run_until(h, &s[i].n, 1);
        for (size_t i = 0; i < 4; i++)
                assert_int_equal(s[i].r, 0);
        assert_int_equal(s[4].r, PASSLOCK_ERROR_RATE_LIMITED);
}

static void test_retried(void **state)
{
        Harness *h = *state;
        passlock_challenge *challenge = NULL;

        assert_int_equal(passlock_mailbox_get(h->client, "die-once-get", &challenge), 0);
        passlock_challenge_unref(challenge);
        assert_int_equal(passlock_mailbox_delete(h->client, "die-once-delete"), 0);
        assert_int_equal(harness_count_log(h, "GetChallenge die-once-get"), 2);
        assert_int_equal(harness_count_log(h, "DeleteChallenge die-once-delete"), 2);
}

static void test_not_retried(void **state)
{
        passlock_challenge *untouched = (passlock_challenge *) 1;
        Harness *h = *state;

        assert_int_equal(
                passlock_mailbox_create(h->client, "die-once-create", "p", NULL, &untouched),
                -ECONNRESET);
        assert_int_equal(
                passlock_mailbox_verify(h->client, "die-once-verify", "s", "c", &untouched),
                -ECONNRESET);
        assert_ptr_equal(untouched, (passlock_challenge *) 1);
        assert_int_equal(harness_count_log(h, "CreateChallenge"), 1);
        assert_int_equal(harness_count_log(h, "VerifyChallenge"), 1);
}

/* Only the lookup of the default tenancy was interrupted, so no mail was sent: the call is
 * retried. */
static void test_retried_after_lookup(void **state)
{
        passlock_challenge *challenge = NULL;
        Harness *h = *state;

        harness_stop_service(h);
        harness_start_service(h, "die-once-tenancy");
        assert_int_equal(passlock_mailbox_create(h->client, "e", "p", NULL, &challenge), 0);
        passlock_challenge_unref(challenge);
        assert_int_equal(harness_count_log(h, "GetTenancy"), 2);
        assert_int_equal(harness_count_log(h, "CreateChallenge"), 1);
}

#define test(name) cmocka_unit_test_setup_teardown(name, harness_setup, harness_teardown)
#define activatable(name) \
        cmocka_unit_test_setup_teardown(name, harness_setup_activatable, harness_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                test(test_create),
                test(test_get),
                test(test_verify_and_delete),
                test(test_failures),
                test(test_asynchronous),
                activatable(test_retried),
                activatable(test_not_retried),
                activatable(test_retried_after_lookup),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
