/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "tests/etcd/etcd-cluster.h"

#define PATH_LEN 128

static void run(const char *command, const char *a, const char *b, const char *c)
{
        pid_t pid = fork();
        int status;

        assert(pid >= 0);
        if (pid == 0) {
                execlp(command, command, a, b, c, (char *) NULL);
                _exit(127);
        }
        assert(waitpid(pid, &status, 0) == pid && status == 0);
}

bool etcd_cluster_is_possible(void)
{
        return system("command -v etcd >/dev/null") == 0;
}

uint16_t etcd_cluster_free_port(void)
{
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t len = sizeof(address);
        _cleanup_(closep) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert(fd >= 0 && bind(fd, (struct sockaddr *) &address, len) == 0 &&
               getsockname(fd, (struct sockaddr *) &address, &len) == 0);
        return ntohs(address.sin_port);
}

static void data_path(const EtcdCluster *cluster, unsigned i, const char *suffix,
                      char ret[static PATH_LEN])
{
        snprintf(ret, PATH_LEN, "%s/m%u%s", cluster->directory, i, suffix);
}

static void exec_member(const EtcdCluster *cluster, unsigned i)
{
        char data[PATH_LEN], log[PATH_LEN], name[8], client[64], peer[64], members[256] = "";

        data_path(cluster, i, "", data);
        data_path(cluster, i, ".log", log);
        snprintf(name, sizeof(name), "m%u", i);
        snprintf(client, sizeof(client), "http://127.0.0.1:%u", cluster->client_ports[i]);
        snprintf(peer, sizeof(peer), "http://127.0.0.1:%u", cluster->peer_ports[i]);
        for (unsigned j = 0; j < cluster->n_members; j++)
                snprintf(members + strlen(members), sizeof(members) - strlen(members),
                         "%sm%u=http://127.0.0.1:%u", j > 0 ? "," : "", j, cluster->peer_ports[j]);
        if (!freopen(log, "a", stderr) || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
                _exit(126);
        execlp("etcd", "etcd", "--name", name, "--data-dir", data, "--listen-client-urls", client,
               "--advertise-client-urls", client, "--listen-peer-urls", peer,
               "--initial-advertise-peer-urls", peer, "--initial-cluster", members,
               "--quota-backend-bytes", cluster->quota ?: "0", "--initial-cluster-token",
               cluster->token ?: "etcd-cluster", (char *) NULL);
        _exit(127);
}

void etcd_cluster_start_member(EtcdCluster *cluster, unsigned i)
{
        pid_t parent = getpid(), pid = fork();

        assert(pid >= 0 && cluster->pids[i] == 0);
        if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                if (getppid() == parent)
                        exec_member(cluster, i);
                _exit(1);
        }
        cluster->pids[i] = pid;
}

void etcd_cluster_kill_member(EtcdCluster *cluster, unsigned i)
{
        if (cluster->pids[i] == 0)
                return;
        kill(cluster->pids[i], SIGKILL);
        assert(waitpid(cluster->pids[i], NULL, 0) == cluster->pids[i]);
        cluster->pids[i] = 0;
}

void etcd_cluster_signal_member(const EtcdCluster *cluster, unsigned i, int signal)
{
        assert(cluster->pids[i] > 0 && kill(cluster->pids[i], signal) == 0);
}

void etcd_cluster_start(EtcdCluster *cluster, unsigned n_members, const char *quota)
{
        *cluster = (EtcdCluster){.n_members = n_members, .quota = quota};
        snprintf(cluster->directory, sizeof(cluster->directory), "%s/passlock-etcd.XXXXXX",
                 getenv("TMPDIR") ?: "/tmp");
        assert(mkdtemp(cluster->directory));
        for (unsigned i = 0; i < n_members; i++) {
                cluster->client_ports[i] = etcd_cluster_free_port();
                cluster->peer_ports[i] = etcd_cluster_free_port();
        }
        for (unsigned i = 0; i < n_members; i++)
                etcd_cluster_start_member(cluster, i);
}

void etcd_cluster_stop(EtcdCluster *cluster)
{
        for (unsigned i = 0; i < cluster->n_members; i++)
                etcd_cluster_kill_member(cluster, i);
        if (cluster->directory[0])
                run("rm", "-rf", cluster->directory, NULL);
        *cluster = (EtcdCluster){};
}

void etcd_cluster_save_data(const EtcdCluster *cluster, unsigned i)
{
        char data[PATH_LEN], saved[PATH_LEN];

        data_path(cluster, i, "", data);
        data_path(cluster, i, ".saved", saved);
        run("cp", "-r", data, saved);
}

void etcd_cluster_restore_data(const EtcdCluster *cluster, unsigned i)
{
        char data[PATH_LEN], saved[PATH_LEN];

        etcd_cluster_remove_data(cluster, i);
        data_path(cluster, i, "", data);
        data_path(cluster, i, ".saved", saved);
        run("cp", "-r", saved, data);
}

void etcd_cluster_remove_data(const EtcdCluster *cluster, unsigned i)
{
        char data[PATH_LEN];

        data_path(cluster, i, "", data);
        run("rm", "-rf", data, NULL);
}
