/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <sys/mman.h>

#include "keyholder/origin.h"
#include "tests/unit/test.h"

typedef struct Fixture {
        sd_event *event;
        Origin *origin;
        int log_fd;    /* standard error during the test, */
        int stderr_fd; /* and the original one */
} Fixture;

static int set_up(void **state)
{
        Fixture *f = calloc(1, sizeof(Fixture));

        assert_non_null(f);
        assert_int_equal(sd_event_new(&f->event), 0);
        assert_int_equal(origin_new(f->event, "https://api.example", "/nonexistent/ca", &f->origin),
                         0);
        f->stderr_fd = dup(STDERR_FILENO);
        f->log_fd = memfd_create("log", MFD_CLOEXEC);
        assert_true(f->stderr_fd >= 0 && f->log_fd >= 0);
        assert_true(dup2(f->log_fd, STDERR_FILENO) >= 0);
        *state = f;
        return 0;
}

static int tear_down(void **state)
{
        Fixture *f = *state;

        dup2(f->stderr_fd, STDERR_FILENO);
        close(f->stderr_fd);
        close(f->log_fd);
        origin_unref(f->origin);
        sd_event_unref(f->event);
        free(f);
        return 0;
}

/* Occurrences in the log since forget_log(). */
static unsigned logged(const Fixture *f, const char *what)
{
        char text[16384] = {};
        unsigned n = 0;

        assert_true(pread(f->log_fd, text, sizeof(text) - 1, 0) >= 0);
        for (const char *p = text; (p = strstr(p, what)); p += strlen(what))
                n++;
        return n;
}

static void forget_log(const Fixture *f)
{
        assert_int_equal(ftruncate(f->log_fd, 0), 0);
        assert_int_equal(lseek(f->log_fd, 0, SEEK_SET), 0);
}

/* Logs each loss and each recovery of trust once. */
static void test_trust(void **state)
{
        Fixture *f = *state;

        origin_note_trust(f->origin, 0);
        assert_int_equal(logged(f, "\n"), 0);
        for (int i = 0; i < 3; i++)
                origin_note_trust(f->origin, -ENOENT);
        assert_int_equal(logged(f, "\n"), 1);
        assert_int_equal(logged(f, "Failed to read the CA file /nonexistent/ca for "
                                   "https://api.example: No such file or directory"),
                         1);
        /* irrelevant results */
        origin_note_trust(f->origin, -ECONNREFUSED);
        origin_note_trust(f->origin, -EMFILE);
        assert_int_equal(logged(f, "\n"), 1);
        forget_log(f);

        for (int i = 0; i < 3; i++)
                origin_note_trust(f->origin, -EKEYREJECTED);
        assert_int_equal(logged(f, "\n"), 1);
        assert_int_equal(logged(f, "Failed to verify the TLS certificate"), 1);
        forget_log(f);

        for (int i = 0; i < 3; i++)
                origin_note_trust(f->origin, 0);
        assert_int_equal(logged(f, "\n"), 1);
        assert_int_equal(logged(f, "The TLS certificate of https://api.example is valid again"), 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_trust, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
