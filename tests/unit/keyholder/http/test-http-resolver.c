/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "keyholder/http/http.h"
#include "tests/unit/test.h"

/* A name server that never answers must not block the event loop. Runs in a child with its own
 * network and mount namespaces. */

enum { CHILD_OK = 0, CHILD_FAILED = 1 };

/* cmocka's assertions would run the rest of the tests in the child. */
#define CHECK(condition) \
        do { \
                if (!(condition)) { \
                        print_message("# line %d: %s\n", __LINE__, #condition); \
                        return CHILD_FAILED; \
                } \
        } while (false)

static bool replace_file(const char *name, const char *text)
{
        char replacement[] = "/tmp/test-http-resolver.XXXXXX";
        int fd = mkstemp(replacement), r;

        if (fd < 0)
                return false;
        r = write(fd, text, strlen(text)) == (ssize_t) strlen(text) && fchmod(fd, 0644) == 0 &&
            mount(replacement, name, NULL, MS_BIND, NULL) == 0;
        close(fd);
        unlink(replacement);
        return r;
}

/* A name server that never replies. */
static int name_server_fd;

/* Sets up a loopback device with the name server on it. */
static bool set_up_network(void)
{
        struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_port = htons(53),
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        name_server_fd = fd;
        return fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &lo) == 0 &&
               bind(fd, (struct sockaddr *) &address, sizeof(address)) == 0;
}

static bool was_asked(void)
{
        char question[512];

        return recv(name_server_fd, question, sizeof(question), 0) > 0;
}

static bool isolate(void)
{
        int flags = CLONE_NEWNS | CLONE_NEWNET;

        if (geteuid() != 0)
                flags |= CLONE_NEWUSER;
        return unshare(flags) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
               set_up_network() &&
               replace_file("/etc/resolv.conf",
                            "nameserver 127.0.0.1\noptions timeout:30 attempts:5\n") &&
               replace_file("/etc/nsswitch.conf", "hosts: dns\n");
}

static void on_reply(int r, const HttpReply *reply, void *userdata)
{
        *(int *) userdata = r;
}

static int on_tick(sd_event_source *source, uint64_t usec, void *userdata)
{
        (*(unsigned *) userdata)++;
        sd_event_source_set_time_relative(source, 5000);
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* Runs the loop until the name server has been asked, and some more. */
static int run_while_it_waits(sd_event *event)
{
        sd_event_source *ticker = NULL;
        unsigned n_ticks = 0;

        while (!was_asked())
                CHECK(sd_event_run(event, 10000) >= 0);
        CHECK(sd_event_add_time_relative(event, &ticker, CLOCK_MONOTONIC, 0, 1, on_tick,
                                         &n_ticks) >= 0);
        while (n_ticks < 20)
                CHECK(sd_event_run(event, 10000) >= 0);
        sd_event_source_disable_unref(ticker);
        return CHILD_OK;
}

/* A blocked resolver would outlast the alarm. */
static int run_child(void)
{
        HttpRequest request = {
                .url = "http://a-name.example/", .timeout_ms = 60000, .reply_len_max = 1024};
        HttpClient *client = NULL;
        sd_event *event = NULL;
        HttpCall *call = NULL;
        uint64_t before_ms;
        int r = 1;

        alarm(25);
        if (!isolate())
                return CHILD_FAILED;

        CHECK(sd_event_new(&event) >= 0);
        CHECK(http_client_new(event, NULL, &client) == 0);
        CHECK(http_call_start(client, &request, on_reply, &r, &call) == 0);
        CHECK(run_while_it_waits(event) == CHILD_OK);
        CHECK(r == 1);
        http_call_cancel(call);

        request.timeout_ms = 300;
        before_ms = monotonic_ms();
        CHECK(http_call_start(client, &request, on_reply, &r, &call) == 0);
        while (r == 1)
                CHECK(sd_event_run(event, 100000) >= 0);
        CHECK(r == -ETIMEDOUT);
        CHECK(monotonic_ms() - before_ms >= 299);

        request.timeout_ms = 60000;
        CHECK(http_call_start(client, &request, on_reply, &r, &call) == 0);
        CHECK(run_while_it_waits(event) == CHILD_OK);
        http_client_free(client);
        return CHILD_OK;
}

/* The namespaces end with the child. */
static int in_child(int (*func)(void))
{
        int status = 0;
        pid_t pid = fork();

        if (pid == 0)
                _exit(func());
        if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
                return CHILD_FAILED;
        return WEXITSTATUS(status);
}

static int try_to_isolate(void)
{
        return isolate() ? CHILD_OK : CHILD_FAILED;
}

static void test_silent_name_server(void **state)
{
        assert_int_equal(in_child(run_child), CHILD_OK);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_silent_name_server),
        };

        if (in_child(try_to_isolate) != CHILD_OK) {
                puts("1..0 # SKIP namespaces are not permitted here");
                return 0;
        }
        return cmocka_run_group_tests(tests, NULL, NULL);
}
