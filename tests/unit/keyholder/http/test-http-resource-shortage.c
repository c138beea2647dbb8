/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Local resource shortages are told apart from network failures. */

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/resource.h>

#include "keyholder/http/http-resource-shortage.h"
#include "tests/unit/keyholder/http/http-outcome.h"
#include "tests/unit/keyholder/http/raw-peer.h"
#include "tests/unit/test.h"

/* Link-time fakes, for the daemon's code and, with pthread_create(), for libcurl's. */

static int watch_error; /* of sd_event_add_io(), or 0 */
static bool no_threads; /* for later calls */

/* Allocations of this thread. */
static __thread bool counting;
static __thread unsigned n_before; /* how many more succeed */

int __real_sd_event_add_io(sd_event *event, sd_event_source **ret, int fd, uint32_t events,
                           sd_event_io_handler_t func, void *userdata);
int __wrap_sd_event_add_io(sd_event *event, sd_event_source **ret, int fd, uint32_t events,
                           sd_event_io_handler_t func, void *userdata);

int __wrap_sd_event_add_io(sd_event *event, sd_event_source **ret, int fd, uint32_t events,
                           sd_event_io_handler_t func, void *userdata)
{
        return watch_error < 0 ? watch_error
                               : __real_sd_event_add_io(event, ret, fd, events, func, userdata);
}

_public_ int pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                            void *(*func)(void *userdata), void *userdata)
{
        int (*real)(pthread_t *, const pthread_attr_t *, void *(*) (void *), void *) =
                dlsym(RTLD_NEXT, "pthread_create");

        return no_threads ? EAGAIN : real(thread, attributes, func, userdata);
}

/* Fails one allocation; later ones succeed. */
static bool allocation_fails(void)
{
        if (!counting || n_before-- > 0)
                return false;
        counting = false;
        return true;
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
char *__real_strdup(const char *s);
char *__wrap_strdup(const char *s);

void *__wrap_malloc(size_t size)
{
        return allocation_fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
        return allocation_fails() ? NULL : __real_calloc(n, size);
}

char *__wrap_strdup(const char *s)
{
        return allocation_fails() ? NULL : __real_strdup(s);
}

typedef struct Fixture {
        sd_event *event;
        HttpClient *client;
        RawPeer *peer;
        char url[128];
        HttpRequest request;
        HttpOutcome outcome;
} Fixture;

#define OK_HI "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi"

/* A connection for each request. */
static void serve(RawPeer *peer, int fd, unsigned n, void *userdata)
{
        if (raw_peer_read(peer, fd))
                raw_peer_print(fd, OK_HI);
}

static void fixture_serve(Fixture *f)
{
        raw_peer_free(f->peer);
        f->peer = raw_peer_new(serve, NULL);
        f->request = http_get(f->url, sizeof(f->url), raw_peer_port(f->peer), "/");
}

static int set_up(void **state)
{
        Fixture *f = calloc(1, sizeof(Fixture));

        assert_non_null(f);
        assert_int_equal(sd_event_new(&f->event), 0);
        assert_int_equal(http_client_new(f->event, NULL, &f->client), 0);
        fixture_serve(f);
        *state = f;
        return 0;
}

static int tear_down(void **state)
{
        Fixture *f = *state;

        http_client_free(f->client);
        raw_peer_free(f->peer);
        http_outcome_clear(&f->outcome);
        sd_event_unref(f->event);
        free(f);
        return 0;
}

static void fixture_get(Fixture *f)
{
        http_outcome_get(f->event, f->client, &f->request, &f->outcome);
        raw_peer_wait_closed(f->peer);
}

/* Lowers the limit of file descriptors. Returns the old one. */
static rlim_t leave_descriptors(unsigned n)
{
        struct rlimit limit;
        rlim_t before;
        int fds[32];

        assert_true(n < 32);
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
        before = limit.rlim_cur;
        for (unsigned i = 0; i <= n; i++) {
                fds[i] = dup(STDERR_FILENO);
                assert_true(fds[i] >= 0);
        }
        limit.rlim_cur = (rlim_t) fds[n];
        for (unsigned i = 0; i <= n; i++)
                close(fds[i]);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
        return before;
}

static void set_limit(rlim_t n)
{
        struct rlimit limit;

        assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
        limit.rlim_cur = n;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void assert_recovered(Fixture *f)
{
        fixture_get(f);
        assert_int_equal(f->outcome.r, 0);
        assert_string_equal(f->outcome.body, "hi");
}

static void get_with_descriptors(Fixture *f, unsigned n)
{
        rlim_t before = leave_descriptors(n);

        http_outcome_get(f->event, f->client, &f->request, &f->outcome);
        set_limit(before);
}

static void test_no_descriptor_for_a_socket(void **state)
{
        Fixture *f = *state;

        assert_recovered(f);
        get_with_descriptors(f, 0);
        assert_int_equal(f->outcome.r, -EMFILE);
        assert_int_equal(f->outcome.status, 0);
        assert_recovered(f);
}

/* An invalid host name needs no name server. */
#define URL_OF_NOBODY \
        "http://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.invalid/"

/* Name resolution without descriptors or threads. */
static void test_no_descriptor_for_a_name(void **state)
{
        Fixture *f = *state;

        assert_recovered(f);
        f->request.url = URL_OF_NOBODY;
        for (unsigned n = 0; n < 4; n++) {
                get_with_descriptors(f, n);
                assert_int_equal(f->outcome.r, -EMFILE);
        }
        f->request.url = f->url;
        assert_recovered(f);
}

/* The socket gets the last descriptor. */
static void test_no_descriptor_for_the_anchors(void **state)
{
        Fixture *f = *state;

        assert_recovered(f);
        snprintf(f->url, sizeof(f->url), "https://127.0.0.1:%u/", raw_peer_port(f->peer));
        get_with_descriptors(f, 1);
        assert_int_equal(f->outcome.r, -EMFILE);
}

static void test_no_thread_for_a_name(void **state)
{
        Fixture *f = *state;

        f->request.url = URL_OF_NOBODY;
        no_threads = true;
        http_outcome_get(f->event, f->client, &f->request, &f->outcome);
        no_threads = false;
        assert_int_equal(f->outcome.r, -ENOBUFS);
        f->request.url = f->url;
        assert_recovered(f);
}

/* epoll is out of watches or memory. */
static void test_epoll_fails(void **state)
{
        static const struct {
                int watch_error, r;
        } cases[] = {{-ENOSPC, -ENOBUFS}, {-ENOMEM, -ENOMEM}, {-EBADF, -EIO}};
        Fixture *f = *state;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                assert_recovered(f);
                watch_error = cases[i].watch_error;
                http_outcome_get(f->event, f->client, &f->request, &f->outcome);
                watch_error = 0;
                assert_int_equal(f->outcome.r, cases[i].r);
                assert_recovered(f);
        }
}

/* Network failures keep their errnos. */
static void test_network_failures(void **state)
{
        Fixture *f = *state;
        _cleanup_(closep) int fd = -1;
        uint16_t port = raw_peer_reserve_port(&fd);

        assert_int_equal(http_resource_shortage_probe(), 0);
        f->request = http_get(f->url, sizeof(f->url), port, "/");
        http_outcome_get(f->event, f->client, &f->request, &f->outcome);
        assert_int_equal(f->outcome.r, -ECONNREFUSED);
        f->request.url = URL_OF_NOBODY;
        http_outcome_get(f->event, f->client, &f->request, &f->outcome);
        assert_int_equal(f->outcome.r, -EHOSTUNREACH);

        assert_true(http_is_resource_shortage(-ENOMEM));
        assert_true(http_is_resource_shortage(-EMFILE));
        assert_true(http_is_resource_shortage(-ENFILE));
        assert_true(http_is_resource_shortage(-ENOBUFS));
        assert_false(http_is_resource_shortage(0));
        assert_false(http_is_resource_shortage(-ECONNREFUSED));
        assert_false(http_is_resource_shortage(-ETIMEDOUT));
        assert_false(http_is_resource_shortage(-EAGAIN));
        assert_false(http_is_resource_shortage(-EIO));
}

static void note_result(int r, const HttpReply *reply, void *userdata)
{
        *(int *) userdata = r;
}

/* Makes a call in which the n-th allocation fails. Returns the result. */
static int get_without(Fixture *f, unsigned n)
{
        HttpCall *call = NULL;
        int r, result = 1;

        n_before = n;
        counting = true;
        r = http_call_start(f->client, &f->request, note_result, &result, &call);
        while (r == 0 && result == 1)
                assert_true(sd_event_run(f->event, 100000) >= 0);
        return r == 0 ? result : r;
}

/* Fails each allocation of the daemon and curl in turn. */
static void test_no_memory(void **state)
{
        Fixture *f = *state;
        unsigned n_failed = 0;
        bool ran_out;

        do {
                int r;

                fixture_serve(f);
                r = get_without(f, n_failed);
                ran_out = counting;
                counting = false;
                if (r != -ENOMEM && r != 0)
                        print_message("# allocation %u: %d\n", n_failed, r);
                assert_true(r == -ENOMEM || r == 0);
                n_failed++;
        } while (!ran_out);
        assert_in_range(n_failed, 20, 2000);
        assert_recovered(f);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(no_descriptor_for_a_socket),
                TEST(no_descriptor_for_a_name),
                TEST(no_descriptor_for_the_anchors),
                TEST(no_thread_for_a_name),
                TEST(epoll_fails),
                TEST(network_failures),
                TEST(no_memory),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
