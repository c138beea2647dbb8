/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <microhttpd.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "tests/unit/keyholder/http/raw-peer.h"
#include "tests/unit/keyholder/http/tls-peer.h"

#define GATHERED_MAX 1024

struct TlsPeer {
        char dir[64];
        char certificate[80], key[80], socket[80];
        struct MHD_Daemon *mhd;
        unsigned idle_s;
        RawPeer *relay; /* only with HTTP/2: counts and freezes connections */
        pid_t nghttpx;
        pthread_mutex_t mutex; /* for all below */
        pthread_cond_t closed;
        unsigned n_connections;
        unsigned n_open;
        unsigned n_frozen;
        unsigned n_to_gather;
        unsigned n_gathered;
        struct MHD_Connection *gathered[GATHERED_MAX];
        struct MHD_Connection *hanging;
};

static void must(bool condition)
{
        if (!condition)
                abort();
}

static pid_t spawn(const char *const *argv)
{
        pid_t parent = getpid(), pid = fork();

        if (pid == 0) {
                int null = open("/dev/null", O_RDWR);

                dup2(null, STDIN_FILENO);
                dup2(null, STDOUT_FILENO);
                dup2(null, STDERR_FILENO);
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                if (getppid() == parent)
                        execvp(argv[0], (char *const *) argv);
                _exit(127);
        }
        must(pid > 0);
        return pid;
}

static bool make_certificate(const TlsPeer *peer)
{
        const char *const argv[] = {"openssl",
                                    "req",
                                    "-x509",
                                    "-newkey",
                                    "ec",
                                    "-pkeyopt",
                                    "ec_paramgen_curve:prime256v1",
                                    "-nodes",
                                    "-keyout",
                                    peer->key,
                                    "-out",
                                    peer->certificate,
                                    "-days",
                                    "2",
                                    "-subj",
                                    "/CN=localhost",
                                    "-addext",
                                    "subjectAltName=DNS:localhost",
                                    NULL};
        int status;

        must(waitpid(spawn(argv), &status, 0) > 0);
        return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Idle means answered, not slow. */
static enum MHD_Result reply(const TlsPeer *peer, struct MHD_Connection *connection)
{
        struct MHD_Response *response =
                MHD_create_response_from_buffer(2, (void *) "hi", MHD_RESPMEM_PERSISTENT);
        enum MHD_Result result = MHD_queue_response(connection, MHD_HTTP_OK, response);

        MHD_destroy_response(response);
        MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT, peer->idle_s);
        return result;
}

static void hang(TlsPeer *peer, struct MHD_Connection *connection)
{
        pthread_mutex_lock(&peer->mutex);
        must(peer->hanging == NULL);
        MHD_suspend_connection(connection);
        peer->hanging = connection;
        pthread_mutex_unlock(&peer->mutex);
}

/* Returns false if the request need not wait (any more). */
static bool gather(TlsPeer *peer, struct MHD_Connection *connection)
{
        bool waits = false;

        pthread_mutex_lock(&peer->mutex);
        if (peer->n_to_gather > 0) {
                MHD_suspend_connection(connection);
                peer->gathered[peer->n_gathered++] = connection;
                waits = true;
        }
        if (peer->n_to_gather > 0 && peer->n_gathered == peer->n_to_gather) {
                for (unsigned i = 0; i < peer->n_gathered; i++)
                        MHD_resume_connection(peer->gathered[i]);
                peer->n_to_gather = peer->n_gathered = 0;
        }
        pthread_mutex_unlock(&peer->mutex);
        return waits;
}

static enum MHD_Result on_request(void *userdata, struct MHD_Connection *connection,
                                  const char *url, const char *method, const char *version,
                                  const char *upload, size_t *upload_len, void **state)
{
        static char begun, gathered;

        if (!*state) {
                *state = &begun;
                return MHD_YES;
        }
        if (*state == &begun) {
                *state = &gathered;
                if (streq(url, "/hang")) {
                        hang(userdata, connection);
                        return MHD_YES;
                }
                if (gather(userdata, connection))
                        return MHD_YES;
        }
        return reply(userdata, connection);
}

static void on_connection(void *userdata, struct MHD_Connection *connection, void **state,
                          enum MHD_ConnectionNotificationCode code)
{
        TlsPeer *peer = userdata;

        pthread_mutex_lock(&peer->mutex);
        if (code == MHD_CONNECTION_NOTIFY_STARTED) {
                peer->n_connections++;
                peer->n_open++;
        } else {
                peer->n_open--;
                pthread_cond_broadcast(&peer->closed);
        }
        pthread_mutex_unlock(&peer->mutex);
}

/* The content of a file, to be freed. */
static char *read_file(const char *name)
{
        char *text = calloc(1, 8192);
        FILE *file = fopen(name, "re");

        must(text && file);
        must(fread(text, 1, 8191, file) > 0);
        fclose(file);
        return text;
}

static void start_mhd(TlsPeer *peer, bool tls)
{
        unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME;
        _cleanup_(freep) char *key = read_file(peer->key);
        _cleanup_(freep) char *certificate = read_file(peer->certificate);
        struct MHD_OptionItem options[] = {
                {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t) on_connection, peer},
                {tls ? MHD_OPTION_HTTPS_MEM_KEY : MHD_OPTION_END, 0, key},
                {MHD_OPTION_HTTPS_MEM_CERT, 0, certificate},
                {MHD_OPTION_END, 0, NULL},
        };

        if (tls)
                flags |= MHD_USE_TLS;
        peer->mhd = MHD_start_daemon(flags, 0, NULL, NULL, on_request, peer, MHD_OPTION_ARRAY,
                                     options, MHD_OPTION_END);
        must(peer->mhd != NULL);
}

static uint16_t mhd_port(const TlsPeer *peer)
{
        return MHD_get_daemon_info(peer->mhd, MHD_DAEMON_INFO_BIND_PORT)->port;
}

static int connect_to_nghttpx(const TlsPeer *peer)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        snprintf(address.sun_path, sizeof(address.sun_path), "%s", peer->socket);
        must(fd >= 0);
        if (connect(fd, (struct sockaddr *) &address, sizeof(address)) == 0)
                return fd;
        close(fd);
        return -1;
}

static bool is_frozen(TlsPeer *peer, unsigned n)
{
        bool frozen;

        pthread_mutex_lock(&peer->mutex);
        frozen = n <= peer->n_frozen;
        pthread_mutex_unlock(&peer->mutex);
        return frozen;
}

static void relay(RawPeer *raw, int fd, unsigned n, void *userdata)
{
        TlsPeer *peer = userdata;
        _cleanup_(closep) int backend_fd = connect_to_nghttpx(peer);
        char buffer[16384];

        must(backend_fd >= 0);
        for (;;) {
                struct pollfd fds[] = {{.fd = fd, .events = POLLIN},
                                       {.fd = backend_fd, .events = POLLIN}};

                must(poll(fds, 2, -1) > 0);
                for (int i = 0; i < 2; i++) {
                        ssize_t len;

                        if (!fds[i].revents)
                                continue;
                        len = recv(fds[i].fd, buffer, sizeof(buffer), 0);
                        if (len <= 0)
                                return;
                        if (is_frozen(peer, n))
                                continue;
                        if (!raw_peer_write(fds[1 - i].fd, buffer, (size_t) len))
                                return;
                }
        }
}

/* Returns false if it is not installed. */
static bool start_nghttpx(TlsPeer *peer, unsigned max_streams)
{
        char streams[64], frontend[96], backend[64];
        const char *const argv[] = {"nghttpx",
                                    "--conf=/dev/null",
                                    "--single-process",
                                    "--no-ocsp",
                                    "--workers=1",
                                    streams,
                                    frontend,
                                    backend,
                                    peer->key,
                                    peer->certificate,
                                    NULL};

        snprintf(streams, sizeof(streams), "--frontend-http2-max-concurrent-streams=%u",
                 max_streams);
        snprintf(frontend, sizeof(frontend), "--frontend=unix:%s", peer->socket);
        snprintf(backend, sizeof(backend), "--backend=127.0.0.1,%u", mhd_port(peer));
        peer->nghttpx = spawn(argv);
        /* The peer does not signal readiness. */
        for (int i = 0; i < 6000; i++) {
                int fd = connect_to_nghttpx(peer);

                if (fd >= 0) {
                        close(fd);
                        return true;
                }
                if (waitpid(peer->nghttpx, NULL, WNOHANG) != 0) {
                        peer->nghttpx = 0;
                        return false;
                }
                poll(NULL, 0, 10);
        }
        return false;
}

static TlsPeer *peer_new(void)
{
        TlsPeer *peer = calloc(1, sizeof(TlsPeer));

        must(peer != NULL);
        pthread_mutex_init(&peer->mutex, NULL);
        pthread_cond_init(&peer->closed, NULL);
        snprintf(peer->dir, sizeof(peer->dir), "/tmp/test-tls-peer.XXXXXX");
        must(mkdtemp(peer->dir) != NULL);
        snprintf(peer->certificate, sizeof(peer->certificate), "%s/crt", peer->dir);
        snprintf(peer->key, sizeof(peer->key), "%s/key", peer->dir);
        snprintf(peer->socket, sizeof(peer->socket), "%s/socket", peer->dir);
        return make_certificate(peer) ? peer : tls_peer_free(peer);
}

TlsPeer *tls_peer_new_http1(unsigned idle_s)
{
        TlsPeer *peer = peer_new();

        if (!peer)
                return NULL;
        peer->idle_s = idle_s;
        start_mhd(peer, true);
        return peer;
}

TlsPeer *tls_peer_new_http2(unsigned max_streams)
{
        TlsPeer *peer = peer_new();

        if (!peer)
                return NULL;
        start_mhd(peer, false);
        if (!start_nghttpx(peer, max_streams))
                return tls_peer_free(peer);
        peer->relay = raw_peer_new(relay, peer);
        return peer;
}

TlsPeer *tls_peer_free(TlsPeer *peer)
{
        if (!peer)
                return NULL;
        raw_peer_free(peer->relay);
        if (peer->nghttpx > 0) {
                kill(peer->nghttpx, SIGKILL);
                waitpid(peer->nghttpx, NULL, 0);
        }
        for (unsigned i = 0; i < peer->n_gathered; i++)
                MHD_resume_connection(peer->gathered[i]);
        if (peer->hanging)
                MHD_resume_connection(peer->hanging);
        /* If 128 connections end at once, libmicrohttpd 0.9.75 misses the stop request. */
        if (peer->nghttpx > 0)
                tls_peer_wait_closed(peer);
        if (peer->mhd)
                MHD_stop_daemon(peer->mhd);
        unlink(peer->certificate);
        unlink(peer->key);
        unlink(peer->socket);
        rmdir(peer->dir);
        free(peer);
        return NULL;
}

uint16_t tls_peer_port(const TlsPeer *peer)
{
        return peer->relay ? raw_peer_port(peer->relay) : mhd_port(peer);
}

const char *tls_peer_ca_file(const TlsPeer *peer)
{
        return peer->certificate;
}

const char *tls_peer_key_file(const TlsPeer *peer)
{
        return peer->key;
}

unsigned tls_peer_n_connections(TlsPeer *peer)
{
        unsigned n;

        if (peer->relay)
                return raw_peer_n_connections(peer->relay);
        pthread_mutex_lock(&peer->mutex);
        n = peer->n_connections;
        pthread_mutex_unlock(&peer->mutex);
        return n;
}

void tls_peer_wait_closed(TlsPeer *peer)
{
        pthread_mutex_lock(&peer->mutex);
        while (peer->n_open > 0)
                pthread_cond_wait(&peer->closed, &peer->mutex);
        pthread_mutex_unlock(&peer->mutex);
}

void tls_peer_gather(TlsPeer *peer, unsigned n)
{
        must(n <= GATHERED_MAX);
        pthread_mutex_lock(&peer->mutex);
        peer->n_to_gather = n;
        pthread_mutex_unlock(&peer->mutex);
}

unsigned tls_peer_n_gathered(TlsPeer *peer)
{
        unsigned n;

        pthread_mutex_lock(&peer->mutex);
        n = peer->n_gathered;
        pthread_mutex_unlock(&peer->mutex);
        return n;
}

void tls_peer_freeze(TlsPeer *peer)
{
        unsigned n = raw_peer_n_connections(peer->relay);

        pthread_mutex_lock(&peer->mutex);
        peer->n_frozen = n;
        pthread_mutex_unlock(&peer->mutex);
}
