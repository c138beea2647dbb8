/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Trust anchors appear, change and disappear while a client is in use. */

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/unit/keyholder/http/http-outcome.h"
#include "tests/unit/keyholder/http/tls-peer.h"
#include "tests/unit/test.h"

typedef struct Fixture {
        sd_event *event;
        HttpClient *client;
        TlsPeer *peer, *other; /* neither trusts the other */
        char dir[64];
        char ca_file[80];
        char url[128];
        HttpRequest request;
        HttpOutcome outcome;
} Fixture;

static int set_up(void **state)
{
        Fixture *f = calloc(1, sizeof(Fixture));

        assert_non_null(f);
        assert_int_equal(sd_event_new(&f->event), 0);
        snprintf(f->dir, sizeof(f->dir), "/tmp/test-http-trust.XXXXXX");
        assert_non_null(mkdtemp(f->dir));
        snprintf(f->ca_file, sizeof(f->ca_file), "%s/ca", f->dir);
        *state = f;
        return 0;
}

static int tear_down(void **state)
{
        Fixture *f = *state;

        http_client_free(f->client);
        tls_peer_free(f->peer);
        tls_peer_free(f->other);
        http_outcome_clear(&f->outcome);
        sd_event_unref(f->event);
        unlink(f->ca_file);
        rmdir(f->dir);
        free(f);
        return 0;
}

static void fixture_serve(Fixture *f, TlsPeer *peer, const char *needs)
{
        f->peer = peer;
        f->other = tls_peer_new_http1(0);
        if (!f->peer || !f->other) {
                print_message("# skipped: needs %s\n", needs);
                skip();
        }
        assert_int_equal(http_client_new(f->event, f->ca_file, &f->client), 0);
        snprintf(f->url, sizeof(f->url), "https://localhost:%u/", tls_peer_port(f->peer));
        f->request = (HttpRequest){.url = f->url, .timeout_ms = 30000, .reply_len_max = 65536};
}

/* Replaces the file like update-ca-certificates(8). */
static void trust(const Fixture *f, const TlsPeer *peer)
{
        char text[8192], replacement[96];
        FILE *from = fopen(tls_peer_ca_file(peer), "re"), *to;
        size_t len;

        snprintf(replacement, sizeof(replacement), "%s.new", f->ca_file);
        to = fopen(replacement, "we");
        assert_true(from && to);
        len = fread(text, 1, sizeof(text), from);
        assert_int_equal(fwrite(text, 1, len, to), len);
        fclose(from);
        assert_int_equal(fclose(to), 0);
        assert_int_equal(rename(replacement, f->ca_file), 0);
}

static void assert_get(Fixture *f, int expected)
{
        http_outcome_get(f->event, f->client, &f->request, &f->outcome);
        assert_int_equal(f->outcome.r, expected);
        assert_int_equal(f->outcome.status, expected == 0 ? 200 : 0);
}

/* The file appears later. */
static void test_anchors_appear(void **state)
{
        Fixture *f = *state;

        fixture_serve(f, tls_peer_new_http1(0), "openssl");
        assert_get(f, -ENOENT);
        assert_get(f, -ENOENT);
        trust(f, f->other);
        assert_get(f, -EKEYREJECTED);
        trust(f, f->peer);
        assert_get(f, 0);
}

/* A file without certificates trusts nobody. */
static void test_no_certificates(void **state)
{
        Fixture *f = *state;
        FILE *file;

        fixture_serve(f, tls_peer_new_http1(0), "openssl");
        file = fopen(f->ca_file, "we");
        assert_true(file && fputs("-----BEGIN CERTIFICATE-----\nnone\n", file) >= 0);
        assert_int_equal(fclose(file), 0);
        assert_get(f, -ENOENT);
        assert_int_equal(unlink(f->ca_file), 0);
        assert_int_equal(mkdir(f->ca_file, 0700), 0);
        assert_get(f, -ENOENT);
        assert_int_equal(rmdir(f->ca_file), 0);
        trust(f, f->peer);
        assert_get(f, 0);
}

/* Opening a FIFO may block. */
static void test_anchors_are_a_fifo(void **state)
{
        Fixture *f = *state;

        fixture_serve(f, tls_peer_new_http1(0), "openssl");
        assert_int_equal(mkfifo(f->ca_file, 0600), 0);
        assert_get(f, -ENOENT);
        trust(f, f->peer);
        assert_get(f, 0);
        assert_int_equal(unlink(f->ca_file), 0);
        assert_int_equal(symlink("/dev/zero", f->ca_file), 0);
        assert_get(f, -ENOENT);
        trust(f, f->peer);
        assert_get(f, 0);
}

static void withdraw_and_add(Fixture *f)
{
        trust(f, f->peer);
        for (int i = 0; i < 3; i++)
                assert_get(f, 0);
        assert_int_equal(tls_peer_n_connections(f->peer), 1);

        /* a warm connection does not keep a withdrawn trust */
        trust(f, f->other);
        assert_get(f, -EKEYREJECTED);
        assert_int_equal(unlink(f->ca_file), 0);
        assert_get(f, -ENOENT);

        trust(f, f->peer);
        for (int i = 0; i < 3; i++)
                assert_get(f, 0);
        assert_int_equal(tls_peer_n_connections(f->peer), 4);
}

static void test_withdrawn_over_http1(void **state)
{
        fixture_serve(*state, tls_peer_new_http1(0), "openssl");
        withdraw_and_add(*state);
}

static void test_withdrawn_over_http2(void **state)
{
        fixture_serve(*state, tls_peer_new_http2(1000), "nghttpx");
        withdraw_and_add(*state);
}

static bool has_ended(void *userdata)
{
        const HttpOutcome *outcome = userdata;

        return outcome->n_ended > 0;
}

/* A call in flight finishes with its old anchors. */
static void test_withdrawn_during_a_call(void **state)
{
        Fixture *f = *state;
        HttpOutcome outcomes[2] = {};

        fixture_serve(f, tls_peer_new_http2(1000), "nghttpx");
        trust(f, f->peer);
        assert_get(f, 0);
        tls_peer_gather(f->peer, 2);
        assert_int_equal(http_call_start(f->client, &f->request, http_outcome_fill, &outcomes[0],
                                         &outcomes[0].call),
                         0);
        while (tls_peer_n_gathered(f->peer) < 1)
                assert_true(sd_event_run(f->event, 1000) >= 0);
        trust(f, f->other);
        assert_get(f, -EKEYREJECTED);
        assert_int_equal(outcomes[0].n_ended, 0);

        trust(f, f->peer);
        assert_int_equal(http_call_start(f->client, &f->request, http_outcome_fill, &outcomes[1],
                                         &outcomes[1].call),
                         0);
        for (int i = 0; i < 2; i++) {
                run_until(f->event, has_ended, &outcomes[i]);
                assert_int_equal(outcomes[i].r, 0);
                http_outcome_clear(&outcomes[i]);
        }
}

/* The path of the system's trust anchors is global, so the child gets its own mount namespace. */
static bool isolate(void)
{
        int flags = CLONE_NEWNS;

        if (geteuid() != 0)
                flags |= CLONE_NEWUSER;
        return unshare(flags) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

/* Result of the child: 0, or a line number. */
#define CHECK(condition) \
        do { \
                if (!(condition)) \
                        return __LINE__ & 0xff ?: 1; \
        } while (false)

static int get(Fixture *f)
{
        http_outcome_clear(&f->outcome);
        if (http_call_start(f->client, &f->request, http_outcome_fill, &f->outcome,
                            &f->outcome.call) < 0)
                return 1;
        while (f->outcome.n_ended == 0)
                if (sd_event_run(f->event, 100000) < 0)
                        return 1;
        return f->outcome.r;
}

static bool put_over(const char *file, const TlsPeer *peer)
{
        return mount(tls_peer_ca_file(peer), file, NULL, MS_BIND, NULL) == 0;
}

enum { NOT_PERMITTED = 77 };

static int run_child(Fixture *f)
{
        const char *file = http_trust_file(NULL);

        alarm(60);
        if (!file || access(file, R_OK) < 0 || !isolate())
                return NOT_PERMITTED;
        f->peer = tls_peer_new_http1(0);
        f->other = tls_peer_new_http1(0);
        if (!f->peer || !f->other)
                return NOT_PERMITTED;
        CHECK(sd_event_new(&f->event) >= 0); /* the parent's is of no use here */
        CHECK(http_client_new(f->event, NULL, &f->client) == 0);
        snprintf(f->url, sizeof(f->url), "https://localhost:%u/", tls_peer_port(f->peer));
        f->request = (HttpRequest){.url = f->url, .timeout_ms = 30000, .reply_len_max = 65536};

        CHECK(get(f) == -EKEYREJECTED);
        CHECK(put_over(file, f->peer));
        CHECK(get(f) == 0);
        CHECK(get(f) == 0);
        CHECK(tls_peer_n_connections(f->peer) == 2);
        CHECK(put_over(file, f->other));
        CHECK(get(f) == -EKEYREJECTED);
        CHECK(umount(file) == 0);
        CHECK(get(f) == 0);
        return 0;
}

static void test_anchors_of_the_system(void **state)
{
        Fixture *f = *state;
        int status = 0;
        pid_t pid = fork();

        if (pid == 0) {
                int r = run_child(f);

                tls_peer_free(f->peer);
                tls_peer_free(f->other);
                _exit(r);
        }
        assert_true(pid > 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        if (WEXITSTATUS(status) == NOT_PERMITTED) {
                print_message("# skipped: namespaces are not permitted here\n");
                skip();
        }
        assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(anchors_appear),        TEST(no_certificates),
                TEST(anchors_are_a_fifo),    TEST(withdrawn_over_http1),
                TEST(withdrawn_over_http2),  TEST(withdrawn_during_a_call),
                TEST(anchors_of_the_system),
        };

        unsetenv("https_proxy");
        unsetenv("HTTPS_PROXY");
        unsetenv("all_proxy");
        unsetenv("ALL_PROXY");
        return cmocka_run_group_tests(tests, NULL, NULL);
}
