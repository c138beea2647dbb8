/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Messages of a compromised daemon to the key holder. Bit 0 of the first byte: whether a HELLO
 * comes first; the rest is the stream, in which ACCOUNT stands for the id of the account.
 *
 * No request goes to another host or tenancy, and the public one has no key. Requests to the store
 * go to its endpoints and paths only, with a token; the password goes to one path.
 */

#include <fcntl.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/log.h"
#include "keyholder/http/http.h"
#include "keyholder/keyholder.h"
#include "keyholder/protocol/channel.h"
#include "tests/fuzz/fuzz.h"

#define ACCOUNT  "ACCOUNT!"
#define ENDPOINT "http://127.0.0.1:9"
#define TENANCY  ENDPOINT "/v2/tenant/"
#define KEY_SET  ENDPOINT "/v2/.well-known/jwks.json"
#define STORE    "http://127.0.0.1:7"
#define LOGIN    STORE "/v3/auth/authenticate"

static char directory[64], config_file[128];

typedef struct Daemon {
        sd_event *event;
        KeyHolder *holder;
        int fd;
        uint64_t account;
} Daemon;

/* HTTP */

struct HttpCall {
        sd_event_source *reply;
        HttpDataFunc data; /* NULL: no stream */
        HttpReply result;
        HttpFunc func;
        void *userdata;
};

struct HttpClient {
        sd_event *event;
};

int __wrap_http_client_new(sd_event *event, const char *ca_file, HttpClient **ret);
HttpClient *__wrap_http_client_free(HttpClient *client);
unsigned __wrap_http_client_slots(const HttpClient *client);
int __wrap_http_call_start(const HttpClient *client, const HttpRequest *request, HttpFunc func,
                           void *userdata, HttpCall **ret);
HttpCall *__wrap_http_call_cancel(HttpCall *call);
int __wrap_http_client_set_certificate(HttpClient *client, const char *cert_file, Secret *key);
int __wrap_http_stream_start(const HttpClient *client, const HttpRequest *request,
                             HttpDataFunc data, HttpFunc func, void *userdata, HttpCall **ret);
void __wrap_http_stream_resume(HttpCall *call);

int __wrap_http_client_new(sd_event *event, const char *ca_file _unused_, HttpClient **ret)
{
        *ret = calloc(1, sizeof(HttpClient));
        assert(*ret);
        (*ret)->event = event;
        return 0;
}

HttpClient *__wrap_http_client_free(HttpClient *client)
{
        free(client);
        return NULL;
}

unsigned __wrap_http_client_slots(const HttpClient *client _unused_)
{
        return 100;
}

static int on_reply(sd_event_source *source _unused_, void *userdata)
{
        HttpCall *call = userdata;
        HttpFunc func = call->func;
        HttpReply result = call->result;
        void *func_userdata = call->userdata;

        __wrap_http_call_cancel(call);
        func(0, &result, func_userdata);
        return 0;
}

/* A stream without end, but with a limit. */
static int on_stream(sd_event_source *source, void *userdata)
{
        static char piece[16384] = "{}";
        HttpCall *call = userdata;

        if (call->result.date_ms >= 2 * PROTOCOL_STREAM_CREDIT)
                return on_reply(source, userdata);
        if (call->data(piece, sizeof(piece), call->userdata))
                call->result.date_ms += sizeof(piece);
        else
                assert(sd_event_source_set_enabled(source, SD_EVENT_OFF) >= 0);
        return 0;
}

int __wrap_http_client_set_certificate(HttpClient *client _unused_, const char *cert_file,
                                       Secret *key)
{
        assert(streq(cert_file, "/dev/null") && key);
        return 0;
}

/* Whether a segment is "." or "..", which servers resolve even when it or a slash is encoded. */
static bool has_dot_segment(const char *path)
{
        size_t n_dots = 0, n_others = 0;

        for (;; path++) {
                bool is_slash =
                        strncasecmp(path, "%2f", 3) == 0 || strncasecmp(path, "%5c", 3) == 0;

                if (is_slash || strchr("/?", *path)) {
                        if (n_others == 0 && (n_dots == 1 || n_dots == 2))
                                return true;
                        if (!is_slash && *path != '/')
                                return false;
                        n_dots = n_others = 0;
                        path += is_slash ? 2 : 0;
                } else if (*path == '.') {
                        n_dots++;
                } else if (strncasecmp(path, "%2e", 3) == 0) {
                        n_dots++;
                        path += 2;
                } else {
                        n_others++;
                }
        }
}

static void check_store_request(const HttpRequest *request)
{
        static const char *const paths[] = {"/v3/kv/range",
                                            "/v3/kv/txn",
                                            "/v3/watch",
                                            "/v3/lease/grant",
                                            "/v3/lease/keepalive",
                                            "/v3/lease/revoke",
                                            "/v3/maintenance/status",
                                            "/v3/maintenance/alarm",
                                            "/v3/cluster/member/list"};
        bool is_known = false;

        assert(!request->bearer && streq(request->method, "POST"));
        if (streq(request->url, LOGIN)) {
                assert(!request->token && strstr(request->body, "pw_secret"));
                return;
        }
        assert(request->token && streq(secret_reveal(request->token), "tok_secret"));
        assert(!request->header || streq(request->header, "Grpc-Metadata-hasleader: true"));
        for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
                is_known = is_known || streq(request->url + strlen(STORE), paths[i]);
        assert(is_known);
}

static HttpCall *make_call(const HttpClient *client, sd_event_handler_t handler, HttpFunc func,
                           void *userdata)
{
        HttpCall *call = calloc(1, sizeof(HttpCall));

        assert(call);
        call->func = func;
        call->userdata = userdata;
        call->result = (HttpReply){.status = 200, .body = "{}", .body_len = 2};
        assert(sd_event_add_defer(client->event, &call->reply, handler, call) >= 0 &&
               sd_event_source_set_enabled(call->reply, SD_EVENT_ON) >= 0);
        return call;
}

int __wrap_http_stream_start(const HttpClient *client, const HttpRequest *request,
                             HttpDataFunc data, HttpFunc func, void *userdata, HttpCall **ret)
{
        assert(strncmp(request->url, STORE "/", strlen(STORE "/")) == 0);
        check_store_request(request);
        *ret = make_call(client, on_stream, func, userdata);
        (*ret)->data = data;
        (*ret)->result.body_len = 0;
        return 0;
}

void __wrap_http_stream_resume(HttpCall *call)
{
        assert(sd_event_source_set_enabled(call->reply, SD_EVENT_ON) >= 0);
}

int __wrap_http_call_start(const HttpClient *client, const HttpRequest *request, HttpFunc func,
                           void *userdata, HttpCall **ret)
{
        if (strncmp(request->url, STORE "/", strlen(STORE "/")) == 0) {
                check_store_request(request);
        } else if (request->bearer) {
                assert(strncmp(request->url, TENANCY, strlen(TENANCY)) == 0);
                assert(!has_dot_segment(request->url + strlen(TENANCY)));
                assert(!strpbrk(request->url, "#\\ "));
        } else {
                assert(streq(request->url, KEY_SET));
                assert(!request->body && streq(request->method, "GET"));
        }
        assert(request->timeout_ms > 0 && request->timeout_ms <= UINT32_MAX);
        for (const char *c = request->url; *c; c++)
                assert(*c > ' ' && *c < 0x7f);
        *ret = make_call(client, on_reply, func, userdata);
        if (streq(request->url, LOGIN))
                (*ret)->result = (HttpReply){.status = 200,
                                             .body = "{\"token\":\"tok_secret\"}",
                                             .body_len = strlen("{\"token\":\"tok_secret\"}")};
        return 0;
}

HttpCall *__wrap_http_call_cancel(HttpCall *call)
{
        if (!call)
                return NULL;
        sd_event_source_disable_unref(call->reply);
        free(call);
        return NULL;
}

/* The daemon */

static void write_file(const char *name, const char *text)
{
        char path[128];
        FILE *f;

        snprintf(path, sizeof(path), "%s/%s", directory, name);
        f = fopen(path, "we");
        assert(f && fputs(text, f) >= 0 && fclose(f) == 0);
}

static void remove_directory(void)
{
        fuzz_remove_tree(directory);
}

int LLVMFuzzerInitialize(int *argc _unused_, char ***argv _unused_)
{
        log_set_max_level(-1);
        fuzz_make_directory(directory);
        atexit(remove_directory);
        snprintf(config_file, sizeof(config_file), "%s/passlockd.conf", directory);
        write_file("passlockd.conf", "[Tenancy default]\nTenancyId=tenant\nEndpoint=" ENDPOINT "\n"
                                     "[Store]\nEngine=etcd\nEndpoints=" STORE " " STORE "\n"
                                     "PasswordCredential=passlock.store\n");
        write_file("passlock.default", "sk_secret");
        write_file("passlock.store", "root:pw_secret");
        assert(setenv("CREDENTIALS_DIRECTORY", directory, 1) == 0);
        return 0;
}

static bool has_ended(const Daemon *daemon)
{
        int code;

        return sd_event_get_exit_code(daemon->event, &code) >= 0;
}

static void read_message(Daemon *daemon, const char *bytes)
{
        ProtocolMessage message;

        if (protocol_decode(bytes, &message) < 0)
                abort();
        for (size_t i = 0; i < PROTOCOL_TEXTS_MAX; i++)
                assert(message.texts[i].len == 0 || !strstr(message.texts[i].text, "_secret"));
        if (message.type == PROTOCOL_STATE)
                daemon->account = message.state.account;
}

/* Reads the complete messages that the key holder has sent, which are valid. */
static void read_messages(Daemon *daemon)
{
        static char buffer[1 << 20];
        ssize_t n = recv(daemon->fd, buffer, sizeof(buffer), MSG_DONTWAIT);
        size_t begin = 0, len;

        while (n > 0 && (size_t) n - begin >= sizeof(ProtocolHeader)) {
                ProtocolHeader header;

                memcpy(&header, buffer + begin, sizeof(header));
                assert(protocol_read_header(&header, PROTOCOL_DAEMON, &len) == 0);
                if ((size_t) n - begin < len)
                        break;
                read_message(daemon, buffer + begin);
                begin += len;
        }
}

static void run(Daemon *daemon)
{
        while (!has_ended(daemon) && sd_event_run(daemon->event, 0) > 0)
                read_messages(daemon);
        read_messages(daemon);
}

static void send_bytes(Daemon *daemon, const char *bytes, size_t len)
{
        while (len > 0 && !has_ended(daemon)) {
                ssize_t n = send(daemon->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);

                if (n > 0) {
                        bytes += n;
                        len -= (size_t) n;
                }
                run(daemon);
        }
}

static void send_hello(Daemon *daemon)
{
        char *bytes;
        size_t len;

        assert(protocol_encode(&(ProtocolMessage){.type = PROTOCOL_HELLO, .hello.nonce = "a nonce"},
                               &bytes, &len) == 0);
        send_bytes(daemon, bytes, len);
        free(bytes);
        run(daemon);
        assert(daemon->account != 0);
}

static void name_account(const Daemon *daemon, char *bytes, size_t len)
{
        char *found;

        while ((found = memmem(bytes, len, ACCOUNT, strlen(ACCOUNT))))
                memcpy(found, &daemon->account, sizeof(daemon->account));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_(freep) char *stream = fuzz_text(data, size);
        Daemon daemon = {};
        int fds[2];

        if (size < 1)
                return 0;
        assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);
        daemon.fd = fds[0];
        assert(sd_event_new(&daemon.event) >= 0);
        assert(keyholder_new(daemon.event, fds[1], config_file, &daemon.holder) == 0);
        if (stream[0] & 1)
                send_hello(&daemon);
        if (stream[0] & 2)
                keyholder_stop(daemon.holder);
        if (daemon.account != 0)
                name_account(&daemon, stream + 1, size - 1);
        send_bytes(&daemon, stream + 1, size - 1);
        run(&daemon);
        close(daemon.fd);
        run(&daemon);
        keyholder_free(daemon.holder);
        sd_event_unref(daemon.event);
        return 0;
}
