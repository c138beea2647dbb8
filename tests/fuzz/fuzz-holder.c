/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Messages of a compromised key holder to the daemon, while three requests are in flight: the ids 1
 * (sent once), 2, and 3 (a proof). Bit 0 of the first byte: whether the requests were sent before.
 * Bit 2: the store has two endpoints, and a request (id 1) and a stream (id 2) are in flight.
 *
 * Each request ends once at most, with a valid result.
 */

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/log.h"
#include "daemon/holder/holder.h"
#include "keyholder/protocol/protocol.h"
#include "tests/fuzz/fuzz.h"

#define N_CALLS 3U

static char directory[64], socket_path[80];
static int listen_fd;

typedef struct Peer {
        sd_event *event;
        Holder *holder;
        int fd; /* the key holder's end */
} Peer;

typedef struct Call {
        ApiExchange *exchange; /* NULL: ended */
        unsigned n_ended;
} Call;

static void remove_directory(void)
{
        fuzz_remove_tree(directory);
}

int LLVMFuzzerInitialize(int *argc _unused_, char ***argv _unused_)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};

        log_set_max_level(-1);
        fuzz_make_directory(directory);
        atexit(remove_directory);
        snprintf(socket_path, sizeof(socket_path), "%s/socket", directory);
        strcpy(address.sun_path, socket_path);
        listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        assert(listen_fd >= 0 &&
               bind(listen_fd, (const struct sockaddr *) &address, sizeof(address)) == 0 &&
               listen(listen_fd, 8) == 0);
        return 0;
}

static void on_reply(int r, const ApiReply *reply, void *userdata)
{
        Call *call = userdata;

        assert(r <= 0 && r != -ESHUTDOWN && r != -ESTALE && r != -ENOKEY);
        assert(reply->status <= 999 && reply->body);
        assert(reply->body[reply->body_len] == '\0');
        call->exchange = NULL;
        call->n_ended++;
}

static void start_calls(const Peer *peer, Call *calls)
{
        const ApiTransport *transport = holder_transport(peer->holder);
        ApiRequest request = {.account = 7,
                              .tenancy_id = "tenant",
                              .path = "/x",
                              .timeout_ms = 60000,
                              .reply_len_max = 65536};

        for (unsigned i = 0; i < N_CALLS; i++) {
                request.once = i == 0;
                request.kind = i == 2 ? API_REQUEST_KEY_PROOF : API_REQUEST_TENANCY;
                assert(transport->start(transport->userdata, &request, on_reply, &calls[i],
                                        &calls[i].exchange) == 0);
        }
}

typedef struct StoreCall {
        EtcdExchange *exchange; /* NULL: ended */
        bool is_stream;
        bool cancels; /* at its first data */
        const EtcdTransport *transport;
        unsigned n_ended;
} StoreCall;

static void on_store_reply(int r, unsigned status, const char *body, size_t body_len,
                           void *userdata)
{
        StoreCall *call = userdata;

        assert(r <= 0 && r != -ESHUTDOWN && r != -ESTALE && status <= 999);
        assert(call->is_stream ? !body && body_len == 0 : body && body[body_len] == '\0');
        call->exchange = NULL;
        call->n_ended++;
}

static void on_store_data(const char *data, size_t len, void *userdata)
{
        StoreCall *call = userdata;

        assert(call->is_stream && call->exchange && data && len > 0);
        if (call->cancels && data[0] == 'x') {
                call->transport->cancel(TAKE_PTR(call->exchange));
                call->n_ended++;
        }
}

static void start_store_calls(const Peer *peer, StoreCall *calls)
{
        const EtcdTransport *transport = holder_etcd_transport(peer->holder);

        for (unsigned i = 0; i < 2; i++) {
                const EtcdRequest request = {.path = i == 0 ? ETCD_KV_TXN : ETCD_WATCH,
                                             .endpoint = i,
                                             .body = "{}",
                                             .body_len = 2,
                                             .timeout_ms = 60000,
                                             .reply_len_max = 65536};

                calls[i] =
                        (StoreCall){.is_stream = i == 1, .cancels = true, .transport = transport};
                assert(transport->start(transport->userdata, &request,
                                        i == 1 ? on_store_data : NULL, on_store_reply, &calls[i],
                                        &calls[i].exchange) == 0);
        }
}

static void on_changed(void *userdata _unused_)
{
}

/* Accepts the next connection of the daemon, if there is one. */
static void accept_daemon(Peer *peer)
{
        int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd < 0)
                return;
        closep(&peer->fd);
        peer->fd = fd;
}

static void discard_input(const Peer *peer)
{
        static char buffer[65536];

        while (recv(peer->fd, buffer, sizeof(buffer), MSG_DONTWAIT) > 0)
                ;
}

static void run(const Peer *peer)
{
        while (sd_event_run(peer->event, 0) > 0)
                ;
        discard_input(peer);
}

static void send_bytes(const Peer *peer, const char *bytes, size_t len)
{
        while (len > 0) {
                ssize_t n = send(peer->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);

                if (n < 0 && errno != EAGAIN)
                        return;
                if (n > 0) {
                        bytes += n;
                        len -= (size_t) n;
                }
                run(peer);
        }
}

static void send_message(const Peer *peer, const ProtocolMessage *message)
{
        char *bytes;
        size_t len;

        assert(protocol_encode(message, &bytes, &len) == 0);
        send_bytes(peer, bytes, len);
        free(bytes);
        run(peer);
}

static void send_loaded(const Peer *peer)
{
        send_message(peer, &(ProtocolMessage){.type = PROTOCOL_LOADED});
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const HolderOptions options = {.socket_path = socket_path};
        Peer peer = {.fd = -1};
        Call calls[N_CALLS] = {};
        StoreCall store_calls[2] = {};
        FindingList list = {};

        if (size < 1)
                return 0;
        assert(sd_event_new(&peer.event) >= 0);
        assert(holder_new(peer.event, &options, on_changed, NULL, &peer.holder) == 0);
        accept_daemon(&peer);
        start_calls(&peer, calls);
        if (data[0] & 1)
                send_loaded(&peer);
        if (data[0] & 4) {
                send_message(&peer, &(ProtocolMessage){.type = PROTOCOL_STORE_STATE,
                                                       .store_state = {1, 2, 0}});
                if (!(data[0] & 1))
                        send_loaded(&peer);
                start_store_calls(&peer, store_calls);
                run(&peer);
        }
        if (data[0] & 2)
                holder_reload(peer.holder);
        send_bytes(&peer, (const char *) data + 1, size - 1);
        run(&peer);
        (void) holder_find(peer.holder, "default");
        assert(holder_diagnose(peer.holder, &list) == 0);
        /* The key holder ends, and another one comes, or none. */
        closep(&peer.fd);
        run(&peer);
        accept_daemon(&peer);
        if (peer.fd >= 0)
                send_loaded(&peer);
        for (unsigned i = 0; i < N_CALLS; i++)
                assert(calls[i].n_ended + !!calls[i].exchange == 1);
        for (unsigned i = 0; data[0] & 4 && i < 2; i++)
                assert(store_calls[i].n_ended + !!store_calls[i].exchange == 1);
        finding_list_clear(&list);
        holder_free(peer.holder);
        closep(&peer.fd);
        accept_daemon(&peer); /* none is left for the next input */
        closep(&peer.fd);
        sd_event_unref(peer.event);
        return 0;
}
