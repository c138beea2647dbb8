/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Configuration files in odd encodings and places. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "daemon/config/config-internal.h"
#include "tests/unit/daemon/config/config-fixture.h"

#define GOOD \
        "# passlockd.conf\n[Daemon]\nMaxPendingPerUser=7\n" TENANCY \
        "[Grant web]\nAllow=Authorize \\\n# and\n  Exchange\nUser=1"

static void assert_good(const Config *config)
{
        assert_int_equal(config->max_pending_per_user, 7);
        assert_int_equal(config->n_tenancies, 1);
        assert_string_equal(config->tenancies[0]->tenancy_id, "t1");
        assert_int_equal(config->grants.n_grants, 1);
        assert_int_equal(config->grants.grants[0]->allow, RIGHT_AUTHORIZE | RIGHT_EXCHANGE);
        assert_int_equal(config->grants.grants[0]->uids[0], 1);
}

/* The text with a CR before each LF, and one at the end if it does not end in a LF. */
static size_t with_cr(const char *text, char *ret)
{
        size_t n = 0;

        for (; *text; text++) {
                if (*text == '\n')
                        ret[n++] = '\r';
                ret[n++] = *text;
        }
        ret[n++] = '\r';
        return n;
}

static void test_cr_lf(void **state)
{
        const ConfigFixture *fixture = *state;
        _cleanup_(config_freep) Config *config = NULL;
        char bytes[512];

        config_write_bytes(fixture->file, bytes, with_cr(GOOD, bytes));
        config = config_load_good(fixture);
        assert_good(config);
}

static void test_byte_order_mark(void **state)
{
        const ConfigFixture *fixture = *state;
        const char *const texts[] = {"\xef\xbb\xbf" GOOD, "\xef\xbb\xbf[Daemon]\r\n" GOOD};

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                _cleanup_(config_freep) Config *config = NULL;

                config_write_main(fixture, texts[i]);
                config = config_load_good(fixture);
                assert_good(config);
        }
}

/* The error names the encoding of a file that is not UTF-8. */
static void test_other_encodings(void **state)
{
        static const char utf16_le[] = "\xff\xfe[\0D\0", utf16_be[] = "\xfe\xff\0[\0D",
                          unmarked[] = "[\0D\0a\0\n\0", nul[] = "[Daemon]\na\0b\n";
        const struct {
                const char *bytes;
                size_t len; /* 0: up to the NUL */
                const char *place, *what;
        } files[] = {
                {utf16_le, sizeof(utf16_le) - 1, ":1: ", "is UTF-16; convert it to UTF-8"},
                {utf16_be, sizeof(utf16_be) - 1, ":1: ", "is UTF-16; convert it to UTF-8"},
                {unmarked, sizeof(unmarked) - 1, ":1: ", "NUL byte; is the file UTF-16?"},
                {nul, sizeof(nul) - 1, ":2: ", "NUL byte; is the file UTF-16?"},
                {"[Daemon]\n\xef\xbb\xbf[Daemon]\n", 0, ":2: ", "Key=value"},
                {TENANCY "CaFile=/z\xfcrich.crt\n", 0, ":3: ", "not valid UTF-8"},
                {TENANCY "CaFile=/a\x1b.crt\n", 0, ":3: ", "control character"},
                {TENANCY "CaFile=/a\rb\n", 0, ":3: ", "carriage return"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
                const ConfigFixture *fixture = *state;
                _cleanup_(freep) char *error = NULL;
                char place[160];

                config_write_bytes(fixture->file, files[i].bytes,
                                   files[i].len ?: strlen(files[i].bytes));
                error = config_load_bad(fixture);
                snprintf(place, sizeof(place), "%s%s", fixture->file, files[i].place);
                assert_int_equal(strncmp(error, place, strlen(place)), 0);
                assert_non_null(strstr(error, files[i].what));
        }
}

/* Comments may have any encoding. */
static void test_comment_in_latin_1(void **state)
{
        _cleanup_(config_freep) Config *config = NULL;

        config_write_main(*state, "# f\xfcr alle\n" GOOD);
        config = config_load_good(*state);
        assert_good(config);
}

static void test_long_line(void **state)
{
        const ConfigFixture *fixture = *state;
        _cleanup_(freep) char *error = NULL, *text = malloc(70001);

        memset(text, 'x', 70000);
        text[70000] = '\0';
        config_write_main(fixture, text);
        error = config_load_bad(fixture);
        assert_non_null(strstr(error, ":1: the line is too long"));
}

/* The length limit applies to joined lines. */
static void test_long_continued_line(void **state)
{
        const ConfigFixture *fixture = *state;
        _cleanup_(freep) char *error = NULL;
        FILE *f = fopen(fixture->file, "we");

        for (int i = 0; i < 70; i++)
                fprintf(f, "%01000d\\\n", 0);
        fclose(f);
        error = config_load_bad(fixture);
        assert_non_null(strstr(error, ":66: the line is too long"));
}

/* Files that cannot be read */

static void test_missing_file(void **state)
{
        _cleanup_(freep) char *error = config_load_bad(*state);

        assert_non_null(strstr(error, "passlockd.conf: No such file"));
}

static void test_main_file_not_regular(void **state)
{
        const ConfigFixture *fixture = *state;
        _cleanup_(freep) char *directory = NULL, *pipe = NULL;

        assert_int_equal(mkdir(fixture->file, 0700), 0);
        directory = config_load_bad(fixture);
        assert_non_null(strstr(directory, "passlockd.conf: Is a directory"));

        /* Opening a FIFO would block. */
        assert_int_equal(rmdir(fixture->file), 0);
        assert_int_equal(mkfifo(fixture->file, 0600), 0);
        pipe = config_load_bad(fixture);
        assert_non_null(strstr(pipe, "passlockd.conf: Not a regular file"));
}

static void test_dev_null_is_empty(void **state)
{
        const ConfigFixture *fixture = *state;
        _cleanup_(config_freep) Config *config = NULL;

        assert_int_equal(symlink("/dev/null", fixture->file), 0);
        config = config_load_good(fixture);
        assert_int_equal(config->n_tenancies, 0);
}

static void path_of_drop_in(const ConfigFixture *fixture, const char *name, char ret[256])
{
        snprintf(ret, 256, "%s.d/%s", fixture->file, name);
}

/* Drop-ins that are not files are skipped, all others are read. */
static void test_odd_drop_ins(void **state)
{
        const ConfigFixture *fixture = *state;
        const struct {
                const char *name, *text;
        } odd[] = {
                {"10-directory.conf", "Drop-in skipped: a directory"},
                {"20-pipe.conf", "Drop-in skipped: not a regular file"},
                {"30-link.conf", "Drop-in skipped: dangling symbolic link"},
        };
        _cleanup_(config_freep) Config *config = NULL;
        char path[256];

        config_write_main(fixture, GOOD "\n");
        path_of_drop_in(fixture, odd[0].name, path);
        assert_int_equal(mkdir(path, 0700), 0);
        path_of_drop_in(fixture, odd[1].name, path);
        assert_int_equal(mkfifo(path, 0600), 0);
        path_of_drop_in(fixture, odd[2].name, path);
        assert_int_equal(symlink("nowhere", path), 0);
        config_write_drop_in(fixture, "40-more.conf", "[Tenancy default]\nTimeoutSec=3\n");

        config = config_load_good(fixture);
        assert_good(config);
        assert_int_equal(config->tenancies[0]->timeout_ms, 3000);
        assert_int_equal(config->findings.n_findings, ARRAY_SIZE(odd));
        for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
                path_of_drop_in(fixture, odd[i].name, path);
                assert_string_equal(config->findings.findings[i].kind, "configuration");
                assert_string_equal(config->findings.findings[i].name, path);
                assert_string_equal(config->findings.findings[i].text, odd[i].text);
        }
}

static void test_drop_in_directory_that_is_a_file(void **state)
{
        const ConfigFixture *fixture = *state;
        _cleanup_(config_freep) Config *config = NULL;
        char path[160];

        config_write_main(fixture, GOOD);
        snprintf(path, sizeof(path), "%s.d", fixture->file);
        assert_int_equal(rmdir(path), 0);
        config_write_bytes(path, "x", 1);
        config = config_load_good(fixture);
        assert_good(config);
        assert_int_equal(config->findings.n_findings, 1);
        assert_string_equal(config->findings.findings[0].name, path);
}

/* An unreadable file might revoke a grant: an error. */
static void test_drop_in_that_cannot_be_read(void **state)
{
        const ConfigFixture *fixture = *state;
        _cleanup_(freep) char *error = NULL;
        char path[256];

        config_write_main(fixture, GOOD);
        path_of_drop_in(fixture, "50-loop.conf", path);
        assert_int_equal(symlink("50-loop.conf", path), 0);
        error = config_load_bad(fixture);
        assert_non_null(strstr(error, "50-loop.conf: Too many levels of symbolic links"));
}

/* A reader that collects errors */

typedef struct Seen {
        char assignments[256];
        unsigned n_mistakes;
} Seen;

static int see(const ConfigPlace *place, const char *section, const char *key, const char *value,
               void *userdata, char **ret_error)
{
        Seen *seen = userdata;
        size_t len = strlen(seen->assignments);

        if (key && streq(key, "Bad")) {
                *ret_error = strdup("bad");
                return -EBADMSG;
        }
        snprintf(seen->assignments + len, sizeof(seen->assignments) - len, "%s:%s;", section,
                 key ?: "");
        return 0;
}

static void note_mistake(const char *error, void *userdata)
{
        Seen *seen = userdata;

        print_message("# %s\n", error);
        seen->n_mistakes++;
}

static void test_forgiving_reader(void **state)
{
        const ConfigFixture *fixture = *state;
        Seen seen = {};
        const ConfigReader reader = {.assign = see, .mistake = note_mistake, .userdata = &seen};
        char *error = NULL;

        config_write_main(fixture, "A=1\n[S\n[S]\nnonsense\nB=1\nBad=2\nC=\xff\n\\\nD=4\n");
        assert_int_equal(config_file_parse(fixture->file, &reader, &error), 0);
        assert_null(error);
        assert_string_equal(seen.assignments, "S:;S:B;S:D;");
        assert_int_equal(seen.n_mistakes, 5);

        config_write_bytes(fixture->file, "\xff\xfe", 2);
        assert_int_equal(config_file_parse(fixture->file, &reader, &error), 0);
        assert_int_equal(seen.n_mistakes, 6);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                CONFIG_TEST(test_cr_lf),
                CONFIG_TEST(test_byte_order_mark),
                CONFIG_TEST(test_other_encodings),
                CONFIG_TEST(test_comment_in_latin_1),
                CONFIG_TEST(test_long_line),
                CONFIG_TEST(test_long_continued_line),
                CONFIG_TEST(test_missing_file),
                CONFIG_TEST(test_main_file_not_regular),
                CONFIG_TEST(test_dev_null_is_empty),
                CONFIG_TEST(test_odd_drop_ins),
                CONFIG_TEST(test_drop_in_directory_that_is_a_file),
                CONFIG_TEST(test_drop_in_that_cannot_be_read),
                CONFIG_TEST(test_forgiving_reader),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
