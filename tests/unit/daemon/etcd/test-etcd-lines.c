/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>

#include "daemon/etcd/etcd-lines.h"
#include "tests/unit/test.h"

static char got[256];
static int line_r;

static int on_line(const char *line, size_t len, void *userdata)
{
        snprintf(got + strlen(got), sizeof(got) - strlen(got), "[%.*s]", (int) len, line);
        return line_r;
}

static int set_up(void **state)
{
        got[0] = '\0';
        line_r = 0;
        return 0;
}

/* A stream cut into chunks of each length. */
static void test_chunks(void **state)
{
        const char stream[] = "one\n\ntwo\n{\"three\":3}\nfour";
        size_t len = strlen(stream);

        for (size_t n = 1; n <= len; n++) {
                EtcdLines lines = {};

                got[0] = '\0';
                for (size_t i = 0; i < len; i += n)
                        assert_int_equal(etcd_lines_feed(&lines, stream + i,
                                                         len - i < n ? len - i : n, on_line, NULL),
                                         0);
                assert_string_equal(got, "[one][two][{\"three\":3}]");
                etcd_lines_clear(&lines);
        }
}

static void test_stop(void **state)
{
        EtcdLines lines = {};

        line_r = 7;
        assert_int_equal(etcd_lines_feed(&lines, "one\ntwo\n", 8, on_line, NULL), 7);
        assert_string_equal(got, "[one]");
        etcd_lines_clear(&lines);
}

static int ignore_line(const char *line, size_t len, void *userdata)
{
        *(size_t *) userdata += len;
        return 0;
}

static void test_long_lines(void **state)
{
        static char chunk[65536];
        EtcdLines lines = {};
        size_t len = 0, fed = 0;
        int r = 0;

        memset(chunk, 'x', sizeof(chunk));
        for (; fed < ETCD_LINE_LEN_MAX; fed += sizeof(chunk))
                assert_int_equal(etcd_lines_feed(&lines, chunk, sizeof(chunk), ignore_line, &len),
                                 0);
        assert_int_equal(etcd_lines_feed(&lines, "\n", 1, ignore_line, &len), 0);
        assert_int_equal(len, ETCD_LINE_LEN_MAX);
        assert_null(lines.rest);
        for (fed = 0; fed <= ETCD_LINE_LEN_MAX && r == 0; fed += sizeof(chunk))
                r = etcd_lines_feed(&lines, chunk, sizeof(chunk), ignore_line, &len);
        assert_int_equal(r, -EMSGSIZE);
        etcd_lines_clear(&lines);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(test_chunks, set_up),
                cmocka_unit_test_setup(test_stop, set_up),
                cmocka_unit_test_setup(test_long_lines, set_up),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
