/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Endpoints that fail, and clusters that are not what they were. */

#include <arpa/inet.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "tests/etcd/etcd-fixture.h"

static unsigned ms_since(uint64_t begun_ms)
{
        return (unsigned) (monotonic_ms() - begun_ms);
}

/* A member hangs: after its deadline, the next endpoint is used. */
static void test_stopped_member(void **state)
{
        unsigned endpoint = 0, next_endpoint = 0;
        uint64_t stopped_ms;
        int r;

        assert_int_equal(fixture_put("a/1", "", NULL), 0);
        run_until(etcd_client_endpoint(client, &endpoint));
        etcd_cluster_signal_member(&cluster, endpoint, SIGSTOP);
        stopped_ms = monotonic_ms();
        r = fixture_put("a/1", "", NULL);
        assert_true(r == 0 || r == ETCD_ERROR_OUTCOME_UNKNOWN);
        (void) fixture_put_surely("a/1", "");
        print_message("# the next endpoint after %u ms\n", ms_since(stopped_ms));
        run_until(etcd_client_endpoint(client, &next_endpoint));
        assert_int_not_equal(next_endpoint, endpoint);
        etcd_cluster_signal_member(&cluster, endpoint, SIGCONT);
}

static void assert_away_and_back(void (*break_quorum)(void), void (*mend)(void))
{
        uint64_t begun_ms;

        run_until(etcd_client_state(client) == ETCD_CLIENT_SERVING);
        begun_ms = monotonic_ms();
        break_quorum();
        run_until(etcd_client_state(client) == ETCD_CLIENT_AWAY);
        print_message("# away after %u ms", ms_since(begun_ms));
        assert_true(etcd_client_away_since_ms(client) >= begun_ms);
        begun_ms = monotonic_ms();
        mend();
        run_until(etcd_client_state(client) == ETCD_CLIENT_SERVING);
        print_message(", back after %u ms\n", ms_since(begun_ms));
        assert_int_equal(fixture_put("a/1", "", NULL), 0);
}

static unsigned spared;

static void stop_two(void)
{
        for (unsigned i = 0; i < 3; i++)
                if (i != spared)
                        etcd_cluster_signal_member(&cluster, i, SIGSTOP);
}

static void continue_two(void)
{
        for (unsigned i = 0; i < 3; i++)
                if (i != spared)
                        etcd_cluster_signal_member(&cluster, i, SIGCONT);
}

static void kill_two(void)
{
        for (unsigned i = 0; i < 3; i++)
                if (i != spared)
                        etcd_cluster_kill_member(&cluster, i);
}

static void start_two(void)
{
        for (unsigned i = 0; i < 3; i++)
                if (i != spared)
                        etcd_cluster_start_member(&cluster, i);
}

/* The remaining member has no quorum. It is the endpoint, the leader, or neither. */
static void test_no_quorum(void **state)
{
        unsigned endpoint = 0;

        run_until(etcd_client_endpoint(client, &endpoint));
        spared = endpoint;
        assert_away_and_back(stop_two, continue_two);
        spared = fixture_leader();
        assert_away_and_back(kill_two, start_two);
        run_until(etcd_client_endpoint(client, &endpoint));
        spared = (endpoint + 1) % 3;
        assert_away_and_back(stop_two, continue_two);
}

static int range_r;

static void on_range(int r, const EtcdReply *reply, void *userdata)
{
        range_r = r;
}

/* The member's own data can be read without a quorum. */
static void test_serializable(void **state)
{
        const EtcdRange range = {.key = ETCD_BYTES("a/1"), .serializable = true};
        EtcdCall *call;

        assert_int_equal(fixture_put("a/1", "", NULL), 0);
        spared = fixture_leader();
        kill_two();
        run_until(etcd_client_state(client) == ETCD_CLIENT_AWAY);
        range_r = 1;
        assert_int_equal(etcd_range_start(client, &range, NULL, on_range, NULL, &call), 0);
        run_until(range_r != 1);
        assert_int_equal(range_r, 0);
}

/* A backup is restored. */
static void test_revision_goes_back(void **state)
{
        int64_t revision;

        assert_int_equal(fixture_put("a/1", "", NULL), 0);
        etcd_cluster_kill_member(&cluster, 0);
        etcd_cluster_save_data(&cluster, 0);
        etcd_cluster_start_member(&cluster, 0);
        for (unsigned i = 0; i < 5; i++)
                revision = fixture_put_surely("a/1", "");
        etcd_cluster_kill_member(&cluster, 0);
        etcd_cluster_restore_data(&cluster, 0);
        etcd_cluster_start_member(&cluster, 0);
        run_until(etcd_client_state(client) == ETCD_CLIENT_REVISION_WENT_BACK);
        assert_int_equal(fixture_put("a/1", "", NULL), ETCD_ERROR_REVISION_WENT_BACK);
        assert_int_equal(etcd_client_revision(client), revision);
        etcd_client_accept_cluster(client);
        assert_int_equal(fixture_put("a/1", "", &revision), 0);
        assert_int_equal(revision, 3);
}

/* The first member of another cluster listens on the port. */
static void test_other_cluster(void **state)
{
        uint64_t cluster_id = etcd_client_cluster_id(client);

        assert_int_equal(fixture_put("a/1", "", NULL), 0);
        etcd_cluster_kill_member(&cluster, 0);
        etcd_cluster_remove_data(&cluster, 0);
        cluster.token = "another";
        etcd_cluster_start_member(&cluster, 0);
        run_until(etcd_client_state(client) == ETCD_CLIENT_OTHER_CLUSTER);
        assert_int_equal(fixture_put("a/1", "", NULL), ETCD_ERROR_OTHER_CLUSTER);
        etcd_client_accept_cluster(client);
        assert_int_equal(fixture_put("a/1", "", NULL), 0);
        assert_true(etcd_client_cluster_id(client) != cluster_id);
}

/* Replies of a server that is not etcd, in turn. */
static const char *const garbage[] = {
        "garbage\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"header\":",
        "HTTP/1.1 503 Unavailable\r\nContent-Length: 2\r\n\r\n[]",
        "HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\n404",
        "",
};

static pid_t start_garbage(uint16_t port)
{
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                      .sin_port = htons(port)};
        int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1, fd;
        char request[4096];
        pid_t pid;

        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
        assert_int_equal(bind(listener, (struct sockaddr *) &address, sizeof(address)), 0);
        assert_int_equal(listen(listener, 10), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid > 0) {
                close(listener);
                return pid;
        }
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (unsigned i = 0;; i = (i + 1) % ARRAY_SIZE(garbage)) {
                fd = accept(listener, NULL, NULL);
                if (read(fd, request, sizeof(request)) > 0 &&
                    write(fd, garbage[i], strlen(garbage[i])) < 0)
                        _exit(1);
                close(fd);
        }
}

/* The client does not use the server, and finds etcd beside it. */
static void test_garbage(void **state)
{
        uint16_t ports[2] = {etcd_cluster_free_port(), cluster.client_ports[0]};
        const EtcdRange range = {.key = ETCD_BYTES("a/1")};
        const EtcdCallOptions options = {.timeout_ms = 3000};
        pid_t pid = start_garbage(ports[0]);
        unsigned endpoint = 0;
        EtcdCall *call;

        fixture_disconnect();
        fixture_connect(ports, 2);
        run_until(etcd_client_state(client) == ETCD_CLIENT_SERVING);
        assert_int_equal(fixture_put("a/1", "", NULL), 0);
        assert_true(etcd_client_endpoint(client, &endpoint));
        assert_int_equal(endpoint, 1);
        etcd_cluster_kill_member(&cluster, 0);
        run_until(etcd_client_state(client) == ETCD_CLIENT_AWAY);
        range_r = 1;
        assert_int_equal(etcd_range_start(client, &range, &options, on_range, NULL, &call), 0);
        run_until(range_r != 1);
        assert_int_equal(range_r, ETCD_ERROR_UNAVAILABLE);
        assert_int_equal(etcd_client_state(client), ETCD_CLIENT_AWAY);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
}

int main(void)
{
#define TEST(f, set_up) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(test_stopped_member, set_up_three), TEST(test_no_quorum, set_up_three),
                TEST(test_serializable, set_up_three),   TEST(test_revision_goes_back, set_up_one),
                TEST(test_other_cluster, set_up_one),    TEST(test_garbage, set_up_one),
        };

        return fixture_run(tests);
}
