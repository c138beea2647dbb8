/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The generated LoadCredential= settings. */

#include <ftw.h>
#include <sys/stat.h>

#include "systemd/credential-settings.h"
#include "tests/unit/test.h"

/* Two directories like /etc and /run. */
typedef struct Fixture {
        char directory[64];
        char first[128], second[128];
        const char *parents[3];
} Fixture;

static void make(const char *parent, const char *name)
{
        char path[256];

        snprintf(path, sizeof(path), "%s/%s", parent, name);
        assert_int_equal(mkdir(path, 0700), 0);
}

static int set_up(void **state)
{
        Fixture *f = calloc(1, sizeof(Fixture));

        strcpy(f->directory, "/tmp/test-settings.XXXXXX");
        assert_non_null(mkdtemp(f->directory));
        snprintf(f->first, sizeof(f->first), "%s/etc", f->directory);
        snprintf(f->second, sizeof(f->second), "%s/run", f->directory);
        make(f->directory, "etc");
        make(f->directory, "run");
        make(f->first, "credstore");
        make(f->second, "credstore");
        make(f->second, "credstore.encrypted");
        f->parents[0] = f->first;
        f->parents[1] = f->second;
        *state = f;
        return 0;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
        return remove(path);
}

static int tear_down(void **state)
{
        Fixture *f = *state;

        nftw(f->directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
        free(f);
        return 0;
}

static void put(const char *parent, const char *store, const char *name)
{
        char path[512];
        FILE *file;

        snprintf(path, sizeof(path), "%s/%s/%s", parent, store, name);
        file = fopen(path, "we");
        assert_non_null(file);
        fclose(file);
}

#define PLAIN(name) "\n[Service]\nLoadCredential=" name "\n"
#define SEALED(name) \
        "\n[Unit]\nWants=passlock-unseal@" name ".service\nAfter=passlock-unseal@" name \
        ".service\n[Service]\nLoadCredential=" name ":/run/credentials/passlock-unseal@" name \
        ".service/" name "\nSetCredential=" name ":\\n\n"

static void assert_settings(const Fixture *f, char *const *names, const char *expected)
{
        _cleanup_(freep) char *text = NULL;
        size_t size, n, n_blocks = 0;
        FILE *to = open_memstream(&text, &size);

        n = credential_settings_write(to, names, f->parents);
        fclose(to);
        assert_string_equal(text, expected);
        for (const char *c = expected; (c = strstr(c, "\n\n")); c++)
                n_blocks++;
        assert_int_equal(n, *expected ? n_blocks + 1 : 0);
}

static void test_sealed_or_not(void **state)
{
        const Fixture *f = *state;
        char *names[] = {(char *) "passlock.default", (char *) "shop.key", NULL};

        assert_settings(f, NULL, "");
        assert_settings(f, names, PLAIN("passlock.default") PLAIN("shop.key"));
        put(f->first, "credstore", "passlock.default");
        put(f->second, "credstore.encrypted", "shop.key~");
        assert_settings(f, names, PLAIN("passlock.default") PLAIN("shop.key"));
        put(f->second, "credstore.encrypted", "passlock.default");
        put(f->second, "credstore.encrypted", "shop.key");
        put(f->second, "credstore", "shop.key");
        assert_settings(f, names, SEALED("passlock.default") SEALED("shop.key"));
}

/* A dangling link is skipped by systemd; a directory would keep the unit from starting. */
static void test_no_files(void **state)
{
        const Fixture *f = *state;
        char *names[] = {(char *) "a", (char *) "b", (char *) "c", (char *) "passlock.default",
                         NULL};
        char path[512];

        make(f->second, "credstore.encrypted/a");
        make(f->first, "credstore.encrypted");
        put(f->first, "credstore.encrypted", "c");
        make(f->second, "credstore.encrypted/c");
        snprintf(path, sizeof(path), "%s/credstore.encrypted/b", f->second);
        assert_int_equal(symlink("nowhere", path), 0);
        snprintf(path, sizeof(path), "%s/credstore/passlock.default", f->second);
        assert_int_equal(symlink("nowhere", path), 0);
        assert_settings(f, names, PLAIN("b") SEALED("c") PLAIN("passlock.default"));
}

/* Names that systemd would interpret are skipped. */
static void test_odd_names(void **state)
{
        char longest[202];
        char *names[] = {(char *) "a\nUser=root",
                         (char *) "a b",
                         (char *) "%n",
                         (char *) "a:b",
                         (char *) "\"a\"",
                         (char *) "a\\",
                         (char *) "\xc3\xa9",
                         (char *) ".a",
                         (char *) "a/b",
                         (char *) "",
                         longest,
                         NULL};

        memset(longest, 'x', 201);
        longest[201] = '\0';
        assert_settings(*state, names, "");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_sealed_or_not, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_no_files, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_odd_names, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
