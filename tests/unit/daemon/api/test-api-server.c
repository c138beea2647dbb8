/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>

#include "daemon/api/api-server.h"
#include "tests/unit/test.h"

/* Link-time fakes of both clocks, in milliseconds. */
static uint64_t boottime_now_ms, monotonic_now_ms;

int __real_clock_gettime(clockid_t clock, struct timespec *ret);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret);

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret)
{
        uint64_t now_ms = clock == CLOCK_BOOTTIME ? boottime_now_ms : monotonic_now_ms;

        if (clock != CLOCK_BOOTTIME && clock != CLOCK_MONOTONIC)
                return __real_clock_gettime(clock, ret);
        *ret = (struct timespec){.tv_sec = (time_t) (now_ms / 1000),
                                 .tv_nsec = (long) (now_ms % 1000) * 1000000};
        return 0;
}

typedef struct Fixture {
        ApiServer *server;
        int log_fd;    /* standard error during the test, */
        int stderr_fd; /* and the original one */
} Fixture;

static int set_up(void **state)
{
        Fixture *f = calloc(1, sizeof(Fixture));

        assert_non_null(f);
        boottime_now_ms = monotonic_now_ms = 1000000;
        assert_int_equal(api_server_new("https://api.example", "/nonexistent/ca", &f->server), 0);
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
        api_server_unref(f->server);
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

#define DATE_MS UINT64_C(1767225600000)

static void note(const Fixture *f, int r, uint64_t date_ms)
{
        const ApiReply reply = {.status = 503, .body = "", .date_ms = date_ms};

        api_server_record_reply(f->server, r, &reply);
}

/* The server's clock advances with boottime only. */
static void test_clock(void **state)
{
        Fixture *f = *state;

        assert_int_equal(api_server_clock_ms(f->server), 0);
        note(f, 0, 0);
        assert_int_equal(api_server_clock_ms(f->server), 0);
        note(f, -EPROTO, DATE_MS);
        assert_int_equal(api_server_clock_ms(f->server), 0);

        note(f, 0, DATE_MS);
        assert_int_equal(api_server_clock_ms(f->server), DATE_MS);
        boottime_now_ms += 86400000; /* and suspended: the monotonic clock stands still */
        assert_int_equal(api_server_clock_ms(f->server), DATE_MS + 86400000);

        /* a reply without Date changes nothing */
        note(f, 0, 0);
        note(f, -ETIMEDOUT, DATE_MS);
        assert_int_equal(api_server_clock_ms(f->server), DATE_MS + 86400000);

        /* the latest Date wins, even if earlier */
        note(f, 0, DATE_MS - 5000);
        boottime_now_ms += 7;
        assert_int_equal(api_server_clock_ms(f->server), DATE_MS - 5000 + 7);
}

static void check_range(const Fixture *f, uint64_t min_ms, uint64_t max_ms)
{
        uint64_t got_min_ms, got_max_ms;

        api_server_clock_range_ms(f->server, &got_min_ms, &got_max_ms);
        assert_int_equal(got_min_ms, min_ms);
        assert_int_equal(got_max_ms, max_ms);
}

#define HOUR_MS UINT64_C(3600000)

/* For ten minutes, the range includes the previous setting of the server's clock. */
static void test_clock_is_set(void **state)
{
        Fixture *f = *state;

        check_range(f, 0, 0);
        note(f, 0, DATE_MS);
        note(f, 0, DATE_MS + 2000);
        check_range(f, DATE_MS + 2000, DATE_MS + 2000);

        note(f, 0, DATE_MS - HOUR_MS);
        check_range(f, DATE_MS - HOUR_MS, DATE_MS + 2000);
        note(f, 0, DATE_MS + 3 * HOUR_MS);
        check_range(f, DATE_MS - HOUR_MS, DATE_MS + 3 * HOUR_MS);
        note(f, 0, DATE_MS + HOUR_MS);
        check_range(f, DATE_MS - HOUR_MS, DATE_MS + 3 * HOUR_MS);

        boottime_now_ms += HOUR_MS;
        check_range(f, DATE_MS + 2 * HOUR_MS, DATE_MS + 2 * HOUR_MS);
        note(f, 0, DATE_MS + HOUR_MS);
        check_range(f, DATE_MS + HOUR_MS, DATE_MS + 2 * HOUR_MS);
}

static void test_refusals(void **state)
{
        static const struct {
                const char *tag, *said;
        } tags[] = {
                {"@error/BadRequest", "status 409, @error/BadRequest\n"},
                {"HttpApiDecodeError", "status 409, HttpApiDecodeError\n"},
                {"", "status 409, without a tag\n"},
                {"a b", "status 409, with an invalid tag\n"},
                {"a\x1b[2J", "status 409, with an invalid tag\n"},
                {"\xc3\xab", "status 409, with an invalid tag\n"},
                {"Zebra-77", "status 409, with an invalid tag\n"},
        };
        Fixture *f = *state;

        for (size_t i = 0; i < ARRAY_SIZE(tags); i++) {
                forget_log(f);
                api_server_log_refusal(f->server, "passkeys/update", 409, tags[i].tag);
                assert_int_equal(logged(f, "\n"), 1);
                assert_int_equal(logged(f, "refused passkeys/update"), 1);
                assert_int_equal(logged(f, tags[i].said), 1);
        }
}

/* Log lines of refused calls are rate-limited. */
static void test_many_refusals(void **state)
{
        Fixture *f = *state;

        for (int i = 0; i < 50; i++)
                api_server_log_refusal(f->server, "principal", 404, "");
        assert_int_equal(logged(f, "\n"), 20);
        forget_log(f);
        monotonic_now_ms += 10000;
        api_server_log_refusal(f->server, "principal", 404, "");
        assert_int_equal(logged(f, "\n"), 2);
        assert_int_equal(
                logged(f, "https://api.example refused 30 more calls (not logged: rate limit)"), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(clock),
                TEST(clock_is_set),
                TEST(refusals),
                TEST(many_refusals),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
