/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/secret.h"
#include "tests/unit/test.h"

static int read_file_of(const char *bytes, size_t len, const char **ret_flaw, Secret **ret)
{
        char name[] = "/tmp/test-secret.XXXXXX";
        int fd = mkstemp(name), r;

        assert_true(fd >= 0);
        assert_int_equal(write(fd, bytes, len), len);
        close(fd);
        r = secret_read_key_at(AT_FDCWD, name, ret_flaw, ret);
        unlink(name);
        return r;
}

static void test_new(void **state)
{
        Secret *secret = NULL;

        assert_int_equal(secret_new("sk_1", 4, &secret), 0);
        assert_string_equal(secret_reveal(secret), "sk_1");
        assert_int_equal(secret_len(secret), 4);
        assert_ptr_equal(secret_ref(secret), secret);
        assert_null(secret_unref(secret));
        assert_string_equal(secret_reveal(secret), "sk_1");
        secret_unref(secret);
        assert_null(secret_unref(NULL));
}

static void test_unacceptable(void **state)
{
        char huge[SECRET_LEN_MAX + 1];
        Secret *untouched = (Secret *) 1;

        memset(huge, 'k', sizeof(huge));
        assert_int_equal(secret_new("", 0, &untouched), -EINVAL);
        assert_int_equal(secret_new("a\0b", 3, &untouched), -EINVAL);
        assert_int_equal(secret_new(huge, sizeof(huge), &untouched), -E2BIG);
        assert_ptr_equal(untouched, (Secret *) 1);
}

static void test_read(void **state)
{
        const char *const files[] = {"sk_2", "sk_2\n", "sk_2\r\n"};
        char large[SECRET_LEN_MAX + 2];
        const char *flaw = NULL;
        Secret *secret = NULL;

        for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
                assert_int_equal(read_file_of(files[i], strlen(files[i]), &flaw, &secret), 0);
                assert_string_equal(secret_reveal(secret), "sk_2");
                assert_int_equal(secret_len(secret), 4);
                secret_unref(secret);
        }

        memset(large, 'k', SECRET_LEN_MAX);
        memcpy(large + SECRET_LEN_MAX, "\r\n", 2);
        assert_int_equal(read_file_of(large, sizeof(large), &flaw, &secret), 0);
        assert_int_equal(secret_len(secret), SECRET_LEN_MAX);
        secret_unref(secret);
        assert_null(flaw);
}

/* Invalid keys are refused with a reason. */
static void test_flaws(void **state)
{
        char huge[SECRET_LEN_MAX + 100];
        const struct {
                const char *bytes;
                size_t len;
                const char *flaw;
        } files[] = {
                {"", 0, "is empty"},
                {"\n", 1, "is empty"},
                {"\r\n", 2, "is empty"},
                {"sk\n\n", 4, "has more than one line"},
                {"sk\r\n\r\n", 6, "has more than one line"},
                {"one\ntwo", 7, "has more than one line"},
                {"one\r\ntwo\r\n", 10, "has more than one line"},
                {"\xff\xfes\0k\0\n\0", 8, "is UTF-16 instead of ASCII"},
                {"\xfe\xff\0s\0k", 6, "is UTF-16 instead of ASCII"},
                {"s\0k\0", 4, "contains a NUL byte, as UTF-16 text does"},
                {"\xef\xbb\xbfsk", 5, "begins with a byte order mark"},
                {" sk", 3, "contains white space"},
                {"sk ", 3, "contains white space"},
                {"s\tk", 3, "contains white space"},
                {"sk\r", 3, "contains a control character"},
                {"s\x7fk", 3, "contains a control character"},
                {"s\xc3\xa4k", 4, "contains a non-ASCII character"},
                {huge, sizeof(huge), "exceeds the maximum length of a key"},
                {huge, SECRET_LEN_MAX + 1, "exceeds the maximum length of a key"},
        };

        memset(huge, 'k', sizeof(huge));
        for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
                Secret *untouched = (Secret *) 1;
                const char *flaw = NULL;

                assert_int_equal(read_file_of(files[i].bytes, files[i].len, &flaw, &untouched),
                                 -EINVAL);
                assert_string_equal(flaw, files[i].flaw);
                assert_ptr_equal(untouched, (Secret *) 1);
        }
}

static void test_no_file(void **state)
{
        Secret *untouched = (Secret *) 1;
        const char *flaw = NULL;

        assert_int_equal(secret_read_key_at(AT_FDCWD, "/nonexistent", &flaw, &untouched), -ENOENT);
        assert_int_equal(secret_read_key_at(AT_FDCWD, "/", &flaw, &untouched), -EISDIR);
        assert_null(flaw);
        assert_ptr_equal(untouched, (Secret *) 1);
}

static void test_equal(void **state)
{
        Secret *a = NULL, *same = NULL, *other = NULL, *longer = NULL;

        assert_int_equal(secret_new("sk_1", 4, &a), 0);
        assert_int_equal(secret_new("sk_1", 4, &same), 0);
        assert_int_equal(secret_new("sk_2", 4, &other), 0);
        assert_int_equal(secret_new("sk_11", 5, &longer), 0);
        assert_true(secret_equal(a, same));
        assert_false(secret_equal(a, other));
        assert_false(secret_equal(a, longer));
        assert_false(secret_equal(a, NULL));
        assert_false(secret_equal(NULL, NULL));
        secret_unref(a);
        secret_unref(same);
        secret_unref(other);
        secret_unref(longer);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_new),     cmocka_unit_test(test_unacceptable),
                cmocka_unit_test(test_read),    cmocka_unit_test(test_flaws),
                cmocka_unit_test(test_no_file), cmocka_unit_test(test_equal),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
