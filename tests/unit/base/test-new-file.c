/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/new-file.h"
#include "tests/unit/test.h"

static int setup(void **state)
{
        char directory[] = "/tmp/test-new-file.XXXXXX";

        if (!mkdtemp(directory) || chdir(directory) < 0)
                return -1;
        *state = strdup(directory);
        return 0;
}

/* Fails on files other than `expected`. */
static void check_files(const char *expected)
{
        DIR *directory = opendir(".");
        struct dirent *entry;
        unsigned n = 0;

        assert_non_null(directory);
        while ((entry = readdir(directory))) {
                if (streq(entry->d_name, ".") || streq(entry->d_name, ".."))
                        continue;
                assert_string_equal(entry->d_name, expected);
                n++;
        }
        closedir(directory);
        assert_int_equal(n, *expected ? 1 : 0);
}

static int teardown(void **state)
{
        check_files("file");
        assert_int_equal(unlink("file"), 0);
        assert_int_equal(chdir("/"), 0);
        assert_int_equal(rmdir(*state), 0);
        free(*state);
        return 0;
}

static NewFile *begin(const char *path, const char *text)
{
        NewFile *file = NULL;

        assert_int_equal(new_file_open(path, &file), 0);
        assert_int_equal(write(new_file_fd(file), text, strlen(text)), strlen(text));
        return file;
}

static void check_text(const char *text)
{
        char buffer[64] = "";
        struct stat st;
        int fd = open("file", O_RDONLY | O_CLOEXEC);

        assert_true(fd >= 0);
        assert_int_equal(fstat(fd, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        assert_int_equal(read(fd, buffer, sizeof(buffer) - 1), strlen(text));
        assert_string_equal(buffer, text);
        close(fd);
}

static void test_atomic(void **state)
{
        _cleanup_(freep) char *path = NULL;
        NewFile *file;

        new_file_free(begin("file", "half"));
        check_files("");

        file = begin("file", "first");
        assert_int_equal(access("file", F_OK), -1);
        assert_int_equal(new_file_publish(file, false), 0);
        new_file_free(file);
        check_text("first");

        assert_true(asprintf(&path, "%s/file", (char *) *state) > 0);
        file = begin(path, "second");
        assert_int_equal(new_file_publish(file, false), -EEXIST);
        check_text("first");
        assert_int_equal(new_file_publish(file, true), 0);
        new_file_free(file);
        check_text("second");
}

/* The file is written to the original directory, not to its replacement. */
static void test_directory_is_replaced(void **state)
{
        NewFile *file, *dropped;

        assert_int_equal(mkdir("place", 0700), 0);
        dropped = begin("place/file", "dropped");
        file = begin("place/file", "kept");
        assert_int_equal(rename("place", "moved"), 0);
        assert_int_equal(mkdir("place", 0700), 0);
        assert_int_equal(new_file_publish(file, true), 0);
        new_file_free(file);
        new_file_free(dropped);
        assert_int_equal(rmdir("place"), 0);
        assert_int_equal(rename("moved/file", "file"), 0);
        assert_int_equal(rmdir("moved"), 0);
        check_text("kept");
}

static void test_no_directory(void **state)
{
        NewFile *file = NULL;

        assert_int_equal(new_file_open("nowhere/file", &file), -ENOENT);
        assert_int_equal(new_file_open("/", &file), -EISDIR);
        assert_int_equal(new_file_open("", &file), -EISDIR);
        assert_null(file);
        assert_null(new_file_free(NULL));
        file = begin("file", "third");
        assert_int_equal(new_file_publish(file, true), 0);
        new_file_free(file);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        const struct CMUnitTest tests[] = {TEST(test_atomic), TEST(test_directory_is_replaced),
                                           TEST(test_no_directory)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
