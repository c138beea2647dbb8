/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <sys/param.h>

#include "base/log.h"
#include "daemon/memory/memory-trim.h"
#include "dbus/key-proof.h"
#include "keyholder/account.h"
#include "keyholder/credential-loader.h"
#include "keyholder/keyholder.h"
#include "keyholder/protocol/channel.h"
#include "keyholder/request-url.h"
#include "keyholder/store-proxy.h"

/* Replies lose their bodies while the daemon has this much to read. */
#define QUEUED_MAX ((size_t) 24 * 1024 * 1024)

/* How long keyholder_stop() waits for requests that the daemon can repeat, and for all. */
#define STOP_REPEATABLE_MS UINT64_C(1000)
#define STOP_MS            UINT64_C(10000)

typedef struct KeyHolderCall {
        KeyHolder *holder;
        uint64_t id;
        Account *account;
        HttpCall *http;
        bool once;
} KeyHolderCall;

struct KeyHolder {
        sd_event *event;
        char *config_file;
        Channel *channel;
        MemoryTrim *memory_trim;
        CredentialLoader *keys;
        StoreProxy *store;
        Accounts *accounts; /* NULL before HELLO */
        Config *config;     /* NULL before the first load */
        KeyHolderCall *calls[PROTOCOL_CALLS_MAX];
        unsigned n_calls, n_once;

        bool is_stopping;
        bool is_acknowledged; /* the daemon sends no more requests */
        bool is_out_of_patience;
        sd_event_source *stop_timer;
};

/* Stopping */

static void stop_if_done(const KeyHolder *holder)
{
        unsigned n_awaited = (holder->is_out_of_patience ? holder->n_once : holder->n_calls) +
                             store_proxy_count_calls(holder->store);

        if (holder->is_stopping && holder->is_acknowledged && n_awaited == 0 &&
            channel_queued(holder->channel) == 0)
                (void) sd_event_exit(holder->event, 0);
}

static unsigned count_calls(const KeyHolder *holder)
{
        return holder->n_calls + store_proxy_count_calls(holder->store);
}

/* Calls */

static KeyHolderCall **slot_of(KeyHolder *holder, uint64_t id)
{
        return &holder->calls[id % PROTOCOL_CALLS_MAX];
}

static void call_free(KeyHolderCall *call)
{
        call->holder->n_calls--;
        call->holder->n_once -= call->once;
        http_call_cancel(call->http);
        account_unref(call->account);
        free(call);
}

static void send_reply(KeyHolder *holder, uint64_t id, const Account *account, int r,
                       const HttpReply *reply)
{
        ProtocolMessage message = {.type = PROTOCOL_REPLY, .id = id};

        if (r == 0 && channel_queued(holder->channel) > QUEUED_MAX)
                r = -EIO;
        message.reply.r = r;
        if (account)
                message.reply.slots =
                        (uint16_t) MIN(http_client_slots(account->origin->http), UINT16_MAX);
        if (reply) {
                message.reply.status = (uint16_t) MIN(reply->status, 999U);
                message.reply.connect_us = reply->connect_us;
                message.reply.retry_after_s = reply->retry_after_s;
                message.reply.date_ms = reply->date_ms;
        }
        if (r == 0)
                message.texts[0] = (ProtocolText){.text = reply->body, .len = reply->body_len};
        if (channel_send(holder->channel, &message) < 0) {
                message.reply.r = -ENOMEM;
                message.texts[0].len = 0;
                (void) channel_send(holder->channel, &message);
        }
}

static void on_http_reply(int r, const HttpReply *reply, void *userdata)
{
        KeyHolderCall *call = userdata;
        KeyHolder *holder = call->holder;

        call->http = NULL;
        *slot_of(holder, call->id) = NULL;
        origin_note_trust(call->account->origin, r);
        send_reply(holder, call->id, call->account, r, reply);
        call_free(call);
        memory_trim_soon(holder->memory_trim);
        stop_if_done(holder);
}

static int build_url(const Account *account, const ProtocolMessage *message, char **ret)
{
        if (message->request.flags & PROTOCOL_KEY_SET)
                return request_url_build_key_set(account->origin->endpoint, ret);
        if (!account->key)
                return -ENOKEY;
        return request_url_build(account->origin->endpoint, account->tenancy_id,
                                 message->texts[PROTOCOL_REQUEST_PATH].text, ret);
}

static int call_start(KeyHolderCall *call, const ProtocolMessage *message)
{
        static const char *const methods[] = {
                [PROTOCOL_GET] = "GET", [PROTOCOL_POST] = "POST", [PROTOCOL_DELETE] = "DELETE"};
        const ProtocolRequest *request = &message->request;
        const ProtocolText *body = &message->texts[PROTOCOL_REQUEST_BODY];
        _cleanup_(freep) char *url = NULL;
        int r;

        r = build_url(call->account, message, &url);
        if (r < 0)
                return r;
        return http_call_start(
                call->account->origin->http,
                &(HttpRequest){.url = url,
                               .method = methods[request->method],
                               .body = request->flags & PROTOCOL_WITH_BODY ? body->text : NULL,
                               .body_len = body->len,
                               .bearer = request->flags & PROTOCOL_KEY_SET ? NULL
                                                                           : call->account->key,
                               .timeout_ms = request->timeout_ms,
                               .reply_len_max = request->reply_len_max,
                               .once = request->flags & PROTOCOL_ONCE},
                on_http_reply, call, &call->http);
}

/* The account of a message, if it is the tenancy's. */
static Account *find_account(const KeyHolder *holder, const ProtocolMessage *message)
{
        Account *account = accounts_find(holder->accounts, message->request.account);

        return account && streq(account->tenancy_id,
                                message->texts[PROTOCOL_REQUEST_TENANCY_ID].text)
                       ? account
                       : NULL;
}

static int on_request(KeyHolder *holder, const ProtocolMessage *message)
{
        KeyHolderCall **slot = slot_of(holder, message->id), *call;
        Account *account = find_account(holder, message);
        int r;

        if (*slot)
                return -EPROTO;
        if (!account || holder->is_stopping) {
                send_reply(holder, message->id, NULL, account ? -ESHUTDOWN : -ESTALE, NULL);
                return 0;
        }
        call = calloc(1, sizeof(KeyHolderCall));
        if (!call) {
                send_reply(holder, message->id, account, -ENOMEM, NULL);
                return 0;
        }
        *call = (KeyHolderCall){.holder = holder,
                                .id = message->id,
                                .account = account_ref(account),
                                .once = message->request.flags & PROTOCOL_ONCE};
        holder->n_calls++;
        holder->n_once += call->once;
        r = call_start(call, message);
        if (r == 0) {
                *slot = call;
                return 0;
        }
        if (r == -EINVAL)
                log_error("Refused a request of the daemon: invalid path");
        send_reply(holder, message->id, account, r, NULL);
        call_free(call);
        return 0;
}

static void on_cancel(KeyHolder *holder, const ProtocolMessage *message)
{
        KeyHolderCall **slot = slot_of(holder, message->id);

        /* Its reply may have crossed the CANCEL. */
        if (*slot && (*slot)->id == message->id)
                call_free(TAKE_PTR(*slot));
        stop_if_done(holder);
}

static int on_prove(const KeyHolder *holder, const ProtocolMessage *message)
{
        const Account *account = accounts_find(holder->accounts, message->prove.account);
        ProtocolMessage proof = {.type = PROTOCOL_PROOF, .id = message->id};
        char text[KEY_PROOF_LEN + 1] = "";

        if (!account)
                proof.proof.r = -ESTALE;
        else if (holder->is_stopping)
                proof.proof.r = -ESHUTDOWN;
        else if (!account->key)
                proof.proof.r = -ENOKEY;
        else
                proof.proof.r = key_proof(account->key, message->texts[0].text, text);
        memcpy(proof.proof.proof, text, PROTOCOL_PROOF_LEN);
        return channel_send(holder->channel, &proof);
}

/* Configuration and keys */

static ProtocolText explanation(const char *text)
{
        size_t len = text ? strlen(text) : 0;

        return (ProtocolText){.text = text,
                              .len = len < PROTOCOL_EXPLAIN_MAX ? len : PROTOCOL_EXPLAIN_MAX};
}

static uint32_t protocol_fault(CredentialFault fault)
{
        static const ProtocolFault faults[] = {
                [CREDENTIAL_FINE] = PROTOCOL_FAULT_NONE,
                [CREDENTIAL_MISSING] = PROTOCOL_FAULT_MISSING,
                [CREDENTIAL_UNUSABLE] = PROTOCOL_FAULT_UNUSABLE,
                [CREDENTIAL_UNREADABLE] = PROTOCOL_FAULT_UNREADABLE,
        };

        return faults[fault];
}

/* Tells the daemon about an account; NULL if the label has none any more. */
static int send_state(const KeyHolder *holder, const char *label, const Account *account,
                      const CredentialRead *read)
{
        ProtocolMessage message = {.type = PROTOCOL_STATE};

        message.texts[PROTOCOL_STATE_LABEL] = PROTOCOL_TEXT(label);
        if (account) {
                message.state = (ProtocolState){
                        .account = account->id,
                        .key = account->key_id,
                        .fault = protocol_fault(read->fault),
                };
                message.texts[PROTOCOL_STATE_TENANCY_ID] = PROTOCOL_TEXT(account->tenancy_id);
                message.texts[PROTOCOL_STATE_ENDPOINT] = PROTOCOL_TEXT(account->origin->endpoint);
                message.texts[PROTOCOL_STATE_TEXT] = explanation(read->text);
        }
        return channel_send(holder->channel, &message);
}

/* `key` NULL: the fault of the credential has changed. */
static void on_key_found(const char *label, Secret *key, const CredentialRead *read, void *userdata)
{
        KeyHolder *holder = userdata;
        const TenancyConfig *config =
                holder->config ? config_find_tenancy(holder->config, label) : NULL;
        Account *account = accounts_find_label(holder->accounts, label);
        int r = 0;

        if (!config || !account)
                return;
        if (key)
                r = accounts_set(holder->accounts, config, key, &account);
        if (r == 0)
                r = send_state(holder, label, account, read);
        if (r < 0)
                log_error("Failed to set the API key of tenancy %s: %s", label, strerror(-r));
}

static int load_tenancy(KeyHolder *holder, const TenancyConfig *config)
{
        const Account *old = accounts_find_tenancy(holder->accounts, config->tenancy_id);
        _cleanup_(secret_unrefp) Secret *key = NULL;
        CredentialRead read = {};
        Account *account;
        int r;

        r = credential_loader_load(holder->keys, config->label, config->api_key_credential,
                                   CREDENTIAL_API_KEY, &read, &key);
        if (r < 0)
                return r;
        /* If the credential cannot be read, keep the old key. */
        if (!key && read.fault == CREDENTIAL_UNREADABLE && old)
                key = secret_ref(old->key);
        r = accounts_set(holder->accounts, config, key, &account);
        return r < 0 ? r : send_state(holder, config->label, account, &read);
}

static int drop_stale(const KeyHolder *holder, const Config *config)
{
        bool dropped = true;
        int r = 0;

        while (r == 0 && dropped) {
                _cleanup_(freep) char *label = NULL;

                dropped = accounts_drop_stale(holder->accounts, config, &label);
                if (label)
                        r = send_state(holder, label, NULL, NULL);
        }
        return r;
}

/* Returns 0 or a negative errno, with the reason if it is in the files. */
static int load(KeyHolder *holder, char **ret_text)
{
        _cleanup_(config_freep) Config *config = NULL;
        int r;

        r = config_load(holder->config_file, &config, ret_text);
        if (r < 0)
                return r;
        r = drop_stale(holder, config);
        for (size_t i = 0; r == 0 && i < config->n_tenancies; i++)
                r = load_tenancy(holder, config->tenancies[i]);
        if (r == 0)
                r = store_proxy_load(holder->store, &config->store);
        if (r < 0)
                return r;
        credential_loader_retain(holder->keys, config);
        config_free(holder->config);
        holder->config = TAKE_PTR(config);
        return 0;
}

static int on_reload(KeyHolder *holder, uint64_t id)
{
        ProtocolMessage message = {.type = PROTOCOL_LOADED, .id = id};
        _cleanup_(freep) char *text = NULL;

        message.loaded.r = load(holder, &text);
        if (message.loaded.r < 0)
                message.texts[0] = explanation(text ?: strerror(-message.loaded.r));
        return channel_send(holder->channel, &message);
}

static int on_hello(KeyHolder *holder, const ProtocolMessage *message)
{
        int r;

        r = accounts_new(holder->event, message->hello.nonce, &holder->accounts);
        return r < 0 ? r : on_reload(holder, 0);
}

/* Connection */

static int on_stop_ack(KeyHolder *holder)
{
        if (!holder->is_stopping || holder->is_acknowledged)
                return -EPROTO;
        holder->is_acknowledged = true;
        stop_if_done(holder);
        return 0;
}

static int on_message(const ProtocolMessage *message, void *userdata)
{
        KeyHolder *holder = userdata;

        if (message->type == PROTOCOL_STOP_ACK)
                return on_stop_ack(holder);
        if ((message->type == PROTOCOL_HELLO) == (holder->accounts != NULL))
                return -EPROTO;
        switch (message->type) {
        case PROTOCOL_HELLO:
                return on_hello(holder, message);
        case PROTOCOL_REQUEST:
                return on_request(holder, message);
        case PROTOCOL_CANCEL:
                on_cancel(holder, message);
                return 0;
        case PROTOCOL_RELEASE:
                accounts_release(holder->accounts, message->release.account);
                return 0;
        case PROTOCOL_RELOAD:
                return on_reload(holder, message->id);
        case PROTOCOL_PROVE:
                return on_prove(holder, message);
        case PROTOCOL_STORE_REQUEST:
        case PROTOCOL_STORE_CREDIT:
        case PROTOCOL_STORE_CANCEL:
                return store_proxy_receive(holder->store, message);
        case PROTOCOL_PING:
                return channel_send(holder->channel, &(ProtocolMessage){.type = PROTOCOL_PONG});
        default:
                return -EPROTO;
        }
}

static void on_sent(void *userdata)
{
        const KeyHolder *holder = userdata;

        store_proxy_continue(holder->store);
        stop_if_done(holder);
}

static void on_closed(int r, void *userdata)
{
        const KeyHolder *holder = userdata;

        if (r < 0)
                log_error("The connection to the daemon failed: %s", strerror(-r));
        (void) sd_event_exit(holder->event, r);
}

static int on_stop_timer(sd_event_source *source, uint64_t usec _unused_, void *userdata)
{
        KeyHolder *holder = userdata;

        if (holder->is_out_of_patience) {
                log_warning("Stopped with %u requests in flight", count_calls(holder));
                return sd_event_exit(holder->event, 0);
        }
        holder->is_out_of_patience = true;
        (void) sd_event_source_set_time_relative(source, (STOP_MS - STOP_REPEATABLE_MS) * 1000);
        (void) sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
        stop_if_done(holder);
        return 0;
}

void keyholder_stop(KeyHolder *holder)
{
        int r;

        if (holder->is_stopping)
                return;
        holder->is_stopping = true;
        store_proxy_stop(holder->store);
        log_info("Stopping, %u requests in flight", count_calls(holder));
        r = sd_event_add_time_relative(holder->event, &holder->stop_timer, CLOCK_MONOTONIC,
                                       STOP_REPEATABLE_MS * 1000, 1, on_stop_timer, holder);
        if (r >= 0)
                r = channel_send(holder->channel, &(ProtocolMessage){.type = PROTOCOL_STOPPING});
        if (r < 0)
                (void) sd_event_exit(holder->event, 0);
}

static bool has_calls(void *userdata)
{
        const KeyHolder *holder = userdata;

        return count_calls(holder) > 0;
}

static void on_store_call_ended(void *userdata)
{
        const KeyHolder *holder = userdata;

        memory_trim_soon(holder->memory_trim);
        stop_if_done(holder);
}

int keyholder_new(sd_event *event, int fd, const char *config_file, KeyHolder **ret)
{
        _cleanup_(keyholder_freep) KeyHolder *holder = calloc(1, sizeof(KeyHolder));
        _cleanup_(closep) int owned_fd = fd;
        int r;

        if (!holder)
                return -ENOMEM;
        holder->event = sd_event_ref(event);
        holder->config_file = config_file ? strdup(config_file) : NULL;
        if (config_file && !holder->config_file)
                return -ENOMEM;
        r = memory_trim_new(event, &(MemoryTrimOwner){.is_busy = has_calls, .userdata = holder},
                            &holder->memory_trim);
        if (r == 0)
                r = credential_loader_new(event, on_key_found, holder, &holder->keys);
        if (r == 0)
                r = channel_new(event, TAKE_FD(owned_fd), PROTOCOL_KEYHOLDER,
                                &(ChannelOwner){.received = on_message,
                                                .sent = on_sent,
                                                .closed = on_closed,
                                                .userdata = holder},
                                &holder->channel);
        if (r == 0)
                r = store_proxy_new(event, holder->channel, on_store_call_ended, holder,
                                    &holder->store);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(holder);
        return 0;
}

KeyHolder *keyholder_free(KeyHolder *holder)
{
        if (!holder)
                return NULL;
        for (size_t i = 0; i < PROTOCOL_CALLS_MAX; i++)
                if (holder->calls[i])
                        call_free(holder->calls[i]);
        sd_event_source_disable_unref(holder->stop_timer);
        store_proxy_free(holder->store);
        channel_free(holder->channel);
        memory_trim_free(holder->memory_trim);
        credential_loader_free(holder->keys);
        accounts_free(holder->accounts);
        config_free(holder->config);
        free(holder->config_file);
        sd_event_unref(holder->event);
        free(holder);
        return NULL;
}
