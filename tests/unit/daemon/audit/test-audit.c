/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/audit/audit.h"
#include "dbus/error.h"
#include "tests/unit/test.h"

#define SENT_MAX 8192U

/* A link-time fake of the journal, which can block. */
static struct {
        pthread_mutex_t lock;
        pthread_cond_t changed;
        bool stuck;
        bool waited_for;
        int refuse;
        char *sent[SENT_MAX]; /* the fields of a record, each followed by '\1' */
        size_t n_sent;
} sink = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static char *join(const struct iovec *fields, int n)
{
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        for (int i = 0; i < n; i++)
                fprintf(f, "%.*s\1", (int) fields[i].iov_len, (const char *) fields[i].iov_base);
        fclose(f);
        return text;
}

int sd_journal_sendv(const struct iovec *fields, int n);

int sd_journal_sendv(const struct iovec *fields, int n)
{
        int r;

        pthread_mutex_lock(&sink.lock);
        sink.waited_for = true;
        pthread_cond_broadcast(&sink.changed);
        while (sink.stuck)
                pthread_cond_wait(&sink.changed, &sink.lock);
        if (!sink.refuse && sink.n_sent < SENT_MAX)
                sink.sent[sink.n_sent++] = join(fields, n);
        pthread_cond_broadcast(&sink.changed);
        r = sink.refuse;
        pthread_mutex_unlock(&sink.lock);
        return r;
}

static void sink_set_stuck(bool stuck)
{
        pthread_mutex_lock(&sink.lock);
        sink.stuck = stuck;
        sink.waited_for = false;
        pthread_cond_broadcast(&sink.changed);
        pthread_mutex_unlock(&sink.lock);
}

/* Waits until the thread blocks in the journal with one record. */
static void sink_wait_until_waited_for(void)
{
        pthread_mutex_lock(&sink.lock);
        while (!sink.waited_for)
                pthread_cond_wait(&sink.changed, &sink.lock);
        pthread_mutex_unlock(&sink.lock);
}

static void sink_wait_for(size_t n_sent)
{
        pthread_mutex_lock(&sink.lock);
        while (sink.n_sent < n_sent)
                pthread_cond_wait(&sink.changed, &sink.lock);
        pthread_mutex_unlock(&sink.lock);
}

/* Redirects standard error to a file that claims to be the journal. */
static int stderr_before = -1;

static const char *stderr_text(void)
{
        static char text[16384];
        ssize_t n = pread(STDERR_FILENO, text, sizeof(text) - 1, 0);

        assert_true(n >= 0);
        text[n] = '\0';
        return text;
}

static void name_journal_stream(unsigned long long inode_offset)
{
        char stream[64];
        struct stat st;

        assert_int_equal(fstat(STDERR_FILENO, &st), 0);
        snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long) st.st_dev,
                 (unsigned long long) st.st_ino + inode_offset);
        setenv("JOURNAL_STREAM", stream, 1);
}

static int setup(void **state)
{
        char path[] = "/tmp/test-audit-XXXXXX";
        int fd = mkstemp(path);

        assert_true(fd >= 0);
        unlink(path);
        stderr_before = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
        assert_int_equal(dup2(fd, STDERR_FILENO), STDERR_FILENO);
        close(fd);
        unsetenv("JOURNAL_STREAM");
        return 0;
}

static int teardown(void **state)
{
        dup2(stderr_before, STDERR_FILENO);
        close(stderr_before);
        for (size_t i = 0; i < sink.n_sent; i++)
                free(sink.sent[i]);
        sink.n_sent = 0;
        sink.refuse = 0;
        return 0;
}

static void open_journal(void)
{
        name_journal_stream(0);
        assert_int_equal(audit_open(), 0);
}

/* Waits until the journal has all records. */
static void close_journal(size_t n_sent)
{
        sink_wait_for(n_sent);
        audit_close();
        assert_int_equal(sink.n_sent, n_sent);
}

/* Whether the record has exactly this field. */
static bool has_field(size_t record, const char *field)
{
        const char *p = sink.sent[record];
        size_t len = strlen(field);

        for (; *p; p = strchr(p, '\1') + 1)
                if (strncmp(p, field, len) == 0 && p[len] == '\1')
                        return true;
        return false;
}

static size_t count_fields(size_t record)
{
        size_t n = 0;

        for (const char *p = sink.sent[record]; *p; p = strchr(p, '\1') + 1)
                n++;
        return n;
}

static const AuditOrigin origin = {
        .has_uid = true, .uid = 1000, .decided_by = DECIDED_BY_GRANT, .method = "Add"};

#define ADDED \
        "MESSAGE=Link added, tenancy default, Add by uid 1000, user \"ada\", authenticator \"a1\""

static void test_fields(void **state)
{
        static const char *const fields[] = {
                ADDED,
                "PRIORITY=5",
                "PASSLOCK_EVENT=link-added",
                "PASSLOCK_METHOD=Add",
                "PASSLOCK_TENANCY=default",
                "PASSLOCK_USER_ID=ada",
                "PASSLOCK_AUTHENTICATOR_ID=a1",
                "PASSLOCK_CALLER_UID=1000",
                "PASSLOCK_DECIDED_BY=grant",
        };
        char id[64];

        open_journal();
        audit(EVENT_LINK_ADDED, .origin = &origin, .tenancy = "default", .user_id = "ada",
              .authenticator_id = "a1");
        close_journal(1);
        for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
                assert_true(has_field(0, fields[i]));
        snprintf(id, sizeof(id), "MESSAGE_ID=%s", event_message_id(EVENT_LINK_ADDED));
        assert_true(has_field(0, id));
        assert_int_equal(count_fields(0), ARRAY_SIZE(fields) + 1);
        assert_string_equal(stderr_text(), "");
}

static void test_all_fields_fit(void **state)
{
        const AuditOrigin now = {.has_uid = true,
                                 .decided_by = DECIDED_BY_POLKIT,
                                 .method = "Reconcile",
                                 .begun_at_us = monotonic_us()};

        open_journal();
        audit(EVENT_RECONCILED, .origin = &now, .sender = ":1.7", .tenancy = "t", .user_id = "u",
              .authenticator_id = "a", .rp_id = "r", .challenge_id = "c", .error = -EIO,
              .counts = {{FIELD_CHECKED, 1},
                         {FIELD_ADDED, 2},
                         {FIELD_REMOVED, 3},
                         {FIELD_CONFLICTS, UINT64_MAX},
                         {FIELD_DRY_RUN, 1}});
        close_journal(1);
        assert_int_equal(count_fields(0), 21);
        assert_true(has_field(0, "PASSLOCK_DECIDED_BY=polkit"));
        assert_non_null(strstr(sink.sent[0], ", Reconcile by uid 0 (polkit), user "));
        assert_true(has_field(0, "PASSLOCK_CALLER_UID=0"));
        assert_true(has_field(0, "PASSLOCK_SENDER=:1.7"));
        assert_true(has_field(0, "PASSLOCK_RP_ID=r"));
        assert_true(has_field(0, "PASSLOCK_CHALLENGE_ID=c"));
        assert_true(has_field(0, "PASSLOCK_CONFLICTS=18446744073709551615"));
        assert_true(has_field(0, "ERRNO=5"));
        assert_true(has_field(0, "PASSLOCK_ERROR=org.freedesktop.DBus.Error.Failed"));
        assert_non_null(strstr(sink.sent[0], "\1PASSLOCK_DURATION_USEC="));
}

static void test_error(void **state)
{
        open_journal();
        audit(EVENT_CALL_REFUSED, .origin = &origin, .error = ERROR_ACCESS_DENIED);
        audit(EVENT_CALL_FAILED, .error = -ENOMEM);
        close_journal(2);
        assert_true(has_field(0, "MESSAGE=Call refused, Add by uid 1000: No grant allows this "
                                 "call"));
        assert_true(has_field(0, "PASSLOCK_ERROR=org.freedesktop.DBus.Error.AccessDenied"));
        assert_true(has_field(1, "PASSLOCK_ERROR=org.freedesktop.DBus.Error.NoMemory"));
        assert_true(has_field(1, "ERRNO=12"));
}

/* Values cannot inject fields or quotes. */
static void test_values_forge_nothing(void **state)
{
        static const char user[] = "ada\nPASSLOCK_CALLER_UID=0\", authenticator \"a1";

        open_journal();
        audit(EVENT_LINK_REMOVED, .user_id = user);
        close_journal(1);
        assert_int_equal(count_fields(0), 5);
        assert_true(has_field(0, "PASSLOCK_USER_ID=ada\nPASSLOCK_CALLER_UID=0\", authenticator "
                                 "\"a1"));
        assert_true(has_field(0, "MESSAGE=Link removed, user \"ada\\x0aPASSLOCK_CALLER_UID=0\\x22, "
                                 "authenticator \\x22a1\""));
}

static void test_lines_forge_nothing(void **state)
{
        audit(EVENT_LINK_REMOVED, .user_id = "ada\nLink added", .text = "one\ntwo");
        assert_string_equal(strchr(stderr_text(), ':'),
                            ": Link removed, user \"ada\\x0aLink added\": one?two\n");
        assert_int_equal(sink.n_sent, 0);
}

/* $JOURNAL_STREAM names another stream. */
static void test_not_the_journal(void **state)
{
        name_journal_stream(1);
        assert_int_equal(audit_open(), 0);
        audit(EVENT_STARTED, .text = "1.0");
        audit_close();
        assert_int_equal(sink.n_sent, 0);
        assert_string_equal(strchr(stderr_text(), ':'), ": Started: 1.0\n");
        setenv("JOURNAL_STREAM", "8:x", 1);
        assert_false(log_is_journal());
        setenv("JOURNAL_STREAM", "", 1);
        assert_false(log_is_journal());
}

/* Changes are recorded regardless of the log level. */
static void test_log_level_does_not_matter(void **state)
{
        log_set_max_level(LOG_ERR);
        audit(EVENT_STARTED, );
        log_set_max_level(LOG_INFO);
        assert_non_null(strstr(stderr_text(), "Started\n"));
}

static void test_refused_by_the_journal(void **state)
{
        sink.refuse = -EACCES;
        open_journal();
        audit(EVENT_STARTED, );
        audit_close();
        assert_string_equal(
                stderr_text(),
                "<3>Started (failed to send this record to the journal: Permission denied)\n");
}

/* A blocked journal does not block callers. */
static void test_stuck(void **state)
{
        size_t n_refused = 0;

        open_journal();
        sink_set_stuck(true);
        audit(EVENT_STARTED, );
        sink_wait_until_waited_for();
        for (unsigned i = 0; i < 5000; i++)
                audit(EVENT_CALL_REFUSED, .error = ERROR_ACCESS_DENIED);
        for (unsigned i = 0; i < 3000; i++)
                audit(EVENT_LINK_ADDED, .user_id = "ada");
        sink_set_stuck(false);
        sink_wait_for(1 + 1023 + 3000);
        audit_close();

        /* Failed calls may use a quarter of the queue. */
        for (size_t i = 0; i < sink.n_sent; i++)
                n_refused += has_field(i, "PASSLOCK_EVENT=call-refused");
        assert_int_equal(n_refused, 1023);
        assert_int_equal(sink.n_sent, 1 + 1023 + 3000 + 1);
        assert_true(has_field(sink.n_sent - 1, "PASSLOCK_EVENT=records-lost"));
        assert_true(has_field(sink.n_sent - 1, "PASSLOCK_COUNT=3977"));
}

static void test_lost_are_counted(void **state)
{
        open_journal();
        sink_set_stuck(true);
        audit(EVENT_STARTED, );
        sink_wait_until_waited_for();
        for (unsigned i = 0; i < 5000; i++)
                audit(EVENT_LINK_ADDED, .user_id = "ada");
        sink_set_stuck(false);
        sink_wait_for(4000);
        audit(EVENT_STOPPED, );
        close_journal(4098);
        assert_true(has_field(4096, "PASSLOCK_EVENT=records-lost"));
        assert_true(has_field(4096, "PASSLOCK_COUNT=905"));
        assert_true(has_field(4097, "PASSLOCK_EVENT=stopped"));
}

/* Nor does it block the exit. */
static void test_end_while_stuck(void **state)
{
        uint64_t begin_ms;

        open_journal();
        sink_set_stuck(true);
        audit(EVENT_STARTED, );
        sink_wait_until_waited_for();
        begin_ms = monotonic_ms();
        audit_close();
        assert_in_range(monotonic_ms() - begin_ms, 4900, 60000);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_fields, setup, teardown),
                cmocka_unit_test_setup_teardown(test_all_fields_fit, setup, teardown),
                cmocka_unit_test_setup_teardown(test_error, setup, teardown),
                cmocka_unit_test_setup_teardown(test_values_forge_nothing, setup, teardown),
                cmocka_unit_test_setup_teardown(test_lines_forge_nothing, setup, teardown),
                cmocka_unit_test_setup_teardown(test_not_the_journal, setup, teardown),
                cmocka_unit_test_setup_teardown(test_log_level_does_not_matter, setup, teardown),
                cmocka_unit_test_setup_teardown(test_refused_by_the_journal, setup, teardown),
                cmocka_unit_test_setup_teardown(test_stuck, setup, teardown),
                cmocka_unit_test_setup_teardown(test_lost_are_counted, setup, teardown),
                /* Leaves a blocked thread behind, so it runs last. */
                cmocka_unit_test_setup_teardown(test_end_while_stuck, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
