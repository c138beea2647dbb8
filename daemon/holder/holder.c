/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>
#include <sys/queue.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/wiping-allocator.h"
#include "daemon/holder/holder-process.h"
#include "daemon/holder/holder.h"
#include "keyholder/protocol/channel.h"

/* Requests wait in their queue while the socket has this much to send. */
#define SEND_MAX ((size_t) 256 * 1024)

/* How often a request is sent to a key holder that ends before its reply: the request may be why.
 */
#define SENDS_MAX 3U

/* The key holder's own deadline comes first, unless it hangs. */
#define SLACK_MS 250U

/* Back-off of restarts: at once, then doubling. A key holder that has run for so long was good. */
#define RESTART_MIN_MS  100U
#define RESTART_MAX_MS  5000U
#define RESTART_GOOD_MS 10000U

/* Requests fail at once after so many starts in a row without a connection. */
#define STARTS_MAX 2U

/* Time for an orderly exit. */
#define EXIT_MS 2000U

typedef TAILQ_HEAD(CallQueue, ApiExchange) CallQueue;

/* A request, until its reply. */
struct ApiExchange {
        TAILQ_ENTRY(ApiExchange) entry;
        Holder *holder;
        uint64_t id;
        char *bytes; /* encoded */
        size_t len;
        bool is_request; /* with a timeout */
        bool once;
        bool is_sent;
        unsigned n_sends;
        uint64_t deadline_ms;
        sd_event_source *timer;
        ApiReplyFunc func;
        void *userdata;
};

typedef struct StateEntry {
        LIST_ENTRY(StateEntry) entry;
        HolderState state;
        char *label, *tenancy_id, *endpoint, *text;
        bool is_current; /* since the key holder began to load */
} StateEntry;

/* An account that Apis use. */
typedef struct HeldAccount {
        LIST_ENTRY(HeldAccount) entry;
        uint64_t id;
        unsigned n_held;
} HeldAccount;

struct Holder {
        sd_event *event;
        char *config_file;
        HolderChangedFunc changed;
        void *userdata;
        ApiTransport transport;
        uint8_t nonce[PROTOCOL_HELLO_NONCE_LEN];

        HolderProcess *process;
        Channel *channel; /* NULL: no key holder */
        sd_event_source *restart;
        uint64_t started_at_ms;
        unsigned n_failures; /* ends in a row, for the back-off */
        unsigned n_starts;   /* in a row that did not load */

        uint64_t load_id; /* of the last RELOAD; 0: HELLO */
        bool is_loaded;   /* since then */
        char *failure;    /* why there is no key holder, or why it has not loaded; NULL */
        LIST_HEAD(, StateEntry) states;
        LIST_HEAD(, HeldAccount) accounts;

        ApiExchange *calls[PROTOCOL_CALLS_MAX];
        uint64_t last_call_id;
        unsigned n_calls;
        CallQueue queued, sent;
};

static void start(Holder *holder);

/* Calls */

static bool is_down(const Holder *holder)
{
        return !holder->channel && holder->n_starts >= STARTS_MAX;
}

static void call_free(ApiExchange *call)
{
        Holder *holder = call->holder;

        TAILQ_REMOVE(call->is_sent ? &holder->sent : &holder->queued, call, entry);
        holder->calls[call->id % PROTOCOL_CALLS_MAX] = NULL;
        holder->n_calls--;
        sd_event_source_disable_unref(call->timer);
        wiping_free(call->bytes);
        free(call);
}

static void call_end(ApiExchange *call, int r, const ApiReply *reply)
{
        ApiReplyFunc func = call->func;
        void *userdata = call->userdata;

        call_free(call);
        func(r, reply ?: &(ApiReply){.body = ""}, userdata);
}

static void send_cancel(const Holder *holder, uint64_t id)
{
        if (holder->channel)
                (void) channel_send(holder->channel,
                                    &(ProtocolMessage){.type = PROTOCOL_CANCEL, .id = id});
}

static void cancel_call(ApiExchange *call)
{
        if (call->is_sent)
                send_cancel(call->holder, call->id);
        call_free(call);
}

/* Sends the queued requests, as far as the socket takes them. */
static void send_queued(Holder *holder)
{
        ApiExchange *call;

        while (holder->channel && channel_queued(holder->channel) < SEND_MAX &&
               (call = TAILQ_FIRST(&holder->queued))) {
                uint64_t now_ms = monotonic_ms();

                if (call->is_request)
                        protocol_set_timeout(call->bytes,
                                             call->deadline_ms > now_ms
                                                     ? (uint32_t) (call->deadline_ms - now_ms)
                                                     : 1);
                if (channel_send_encoded(holder->channel, call->bytes, call->len) < 0)
                        return; /* out of memory; the next event retries */
                TAILQ_REMOVE(&holder->queued, call, entry);
                TAILQ_INSERT_TAIL(&holder->sent, call, entry);
                call->is_sent = true;
                call->n_sends++;
        }
}

/* The deadline has passed and the key holder has not replied, or there is none. */
static int on_call_timer(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
        ApiExchange *call = userdata;

        if (call->is_sent) {
                log_debug("The key holder does not respond");
                send_cancel(call->holder, call->id);
        }
        call_end(call, API_TRANSPORT_LOST, NULL);
        return 0;
}

static uint64_t new_call_id(Holder *holder)
{
        do
                holder->last_call_id++;
        while (holder->last_call_id == 0 ||
               holder->calls[holder->last_call_id % PROTOCOL_CALLS_MAX]);
        return holder->last_call_id;
}

static int encode(ApiExchange *call, const ApiRequest *request)
{
        static const ProtocolMethod methods[] = {[API_GET] = PROTOCOL_GET,
                                                 [API_POST] = PROTOCOL_POST,
                                                 [API_DELETE] = PROTOCOL_DELETE};
        ProtocolMessage message = {.id = call->id};

        if (request->kind == API_REQUEST_KEY_PROOF) {
                message.type = PROTOCOL_PROVE;
                message.prove.account = request->account;
                message.texts[0] = PROTOCOL_TEXT(request->path);
                return protocol_encode(&message, &call->bytes, &call->len);
        }
        call->is_request = true;
        message.type = PROTOCOL_REQUEST;
        message.request = (ProtocolRequest){
                .account = request->account,
                .timeout_ms = (uint32_t) request->timeout_ms,
                .reply_len_max = (uint32_t) request->reply_len_max,
                .method = (uint16_t) methods[request->method],
                .flags = (uint16_t) ((request->once ? PROTOCOL_ONCE : 0) |
                                     (request->body ? PROTOCOL_WITH_BODY : 0) |
                                     (request->kind == API_REQUEST_KEY_SET ? PROTOCOL_KEY_SET : 0)),
        };
        message.texts[PROTOCOL_REQUEST_TENANCY_ID] = PROTOCOL_TEXT(request->tenancy_id);
        message.texts[PROTOCOL_REQUEST_PATH] = PROTOCOL_TEXT(request->path);
        message.texts[PROTOCOL_REQUEST_BODY] =
                (ProtocolText){.text = request->body, .len = request->body_len};
        return protocol_encode(&message, &call->bytes, &call->len);
}

static int start_call(void *userdata, const ApiRequest *request, ApiReplyFunc func,
                      void *func_userdata, ApiExchange **ret)
{
        Holder *holder = userdata;
        uint64_t timer_ms = is_down(holder) ? 0 : request->timeout_ms + SLACK_MS;
        ApiExchange *call;
        int r;

        if (holder->n_calls >= PROTOCOL_CALLS_MAX)
                return -ENOBUFS;
        call = calloc(1, sizeof(ApiExchange));
        if (!call)
                return -ENOMEM;
        *call = (ApiExchange){
                .holder = holder,
                .id = new_call_id(holder),
                .once = request->once,
                .deadline_ms = monotonic_ms() + request->timeout_ms,
                .func = func,
                .userdata = func_userdata,
        };
        holder->calls[call->id % PROTOCOL_CALLS_MAX] = call;
        holder->n_calls++;
        TAILQ_INSERT_TAIL(&holder->queued, call, entry);
        r = encode(call, request);
        if (r == 0)
                r = log_errno_origin(sd_event_add_time_relative(holder->event, &call->timer,
                                                                CLOCK_MONOTONIC, timer_ms * 1000, 1,
                                                                on_call_timer, call));
        if (r < 0) {
                call_free(call);
                return r;
        }
        send_queued(holder);
        *ret = call;
        return 0;
}

/* The connection is lost: repeats what may be repeated. */
static void requeue_calls(Holder *holder)
{
        CallQueue lost = TAILQ_HEAD_INITIALIZER(lost);
        ApiExchange *call, *next;

        for (call = TAILQ_FIRST(&holder->sent); call; call = next) {
                next = TAILQ_NEXT(call, entry);
                if (call->once || call->n_sends >= SENDS_MAX) {
                        /* Not here: the function may start and cancel calls. */
                        (void) sd_event_source_set_time_relative(call->timer, 0);
                        continue;
                }
                TAILQ_REMOVE(&holder->sent, call, entry);
                TAILQ_INSERT_TAIL(&lost, call, entry);
        }
        TAILQ_CONCAT(&lost, &holder->queued, entry);
        TAILQ_CONCAT(&holder->queued, &lost, entry);
        TAILQ_FOREACH(call, &holder->queued, entry)
                call->is_sent = false;
}

/* There is no key holder: requests need not wait. */
static void fail_queued(Holder *holder)
{
        ApiExchange *call;

        TAILQ_FOREACH(call, &holder->queued, entry)
                (void) sd_event_source_set_time_relative(call->timer, 0);
}

/* Accounts */

static HeldAccount *find_held(const Holder *holder, uint64_t id)
{
        HeldAccount *account;

        LIST_FOREACH(account, &holder->accounts, entry)
                if (account->id == id)
                        return account;
        return NULL;
}

/* Out of memory, the account is released too early or never: its calls fail, or it expires. */
static void hold_account(void *userdata, uint64_t id)
{
        Holder *holder = userdata;
        HeldAccount *account = find_held(holder, id);

        if (!account) {
                account = calloc(1, sizeof(HeldAccount));
                if (!account)
                        return;
                account->id = id;
                LIST_INSERT_HEAD(&holder->accounts, account, entry);
        }
        account->n_held++;
}

static void release_account(void *userdata, uint64_t id)
{
        Holder *holder = userdata;
        HeldAccount *account = find_held(holder, id);

        if (!account || --account->n_held > 0)
                return;
        LIST_REMOVE(account, entry);
        free(account);
        if (holder->channel)
                (void) channel_send(holder->channel, &(ProtocolMessage){.type = PROTOCOL_RELEASE,
                                                                        .release.account = id});
}

/* States */

static StateEntry *find_state(const Holder *holder, const char *label)
{
        StateEntry *entry;

        LIST_FOREACH(entry, &holder->states, entry)
                if (streq(entry->label, label))
                        return entry;
        return NULL;
}

const HolderState *holder_find(const Holder *holder, const char *label)
{
        const StateEntry *entry = find_state(holder, label);

        return entry ? &entry->state : NULL;
}

void holder_forget_news(Holder *holder)
{
        StateEntry *entry;

        LIST_FOREACH(entry, &holder->states, entry)
                entry->state.news = false;
}

static StateEntry *state_free(StateEntry *entry)
{
        if (!entry)
                return NULL;
        free(entry->label);
        free(entry->tenancy_id);
        free(entry->endpoint);
        free(entry->text);
        free(entry);
        return NULL;
}
DEFINE_CLEANUP(StateEntry *, state_free);

static HolderFault holder_fault(uint32_t fault)
{
        if (fault == PROTOCOL_FAULT_NONE)
                return HOLDER_FAULT_NONE;
        return fault == PROTOCOL_FAULT_MISSING ? HOLDER_FAULT_MISSING : HOLDER_FAULT_UNUSABLE;
}

static int state_new(const ProtocolMessage *message, StateEntry **ret)
{
        _cleanup_(state_freep) StateEntry *entry = calloc(1, sizeof(StateEntry));

        if (!entry)
                return -ENOMEM;
        entry->label = strdup(message->texts[PROTOCOL_STATE_LABEL].text);
        entry->tenancy_id = strdup(message->texts[PROTOCOL_STATE_TENANCY_ID].text);
        entry->endpoint = strdup(message->texts[PROTOCOL_STATE_ENDPOINT].text);
        entry->text = strdup(message->texts[PROTOCOL_STATE_TEXT].text);
        if (!entry->label || !entry->tenancy_id || !entry->endpoint || !entry->text)
                return -ENOMEM;
        entry->is_current = true;
        entry->state = (HolderState){
                .label = entry->label,
                .tenancy_id = entry->tenancy_id,
                .endpoint = entry->endpoint,
                .account = message->state.account,
                .key = message->state.key,
                .fault = holder_fault(message->state.fault),
                .text = entry->text,
                .news = true,
        };
        *ret = TAKE_PTR(entry);
        return 0;
}

static int on_state(Holder *holder, const ProtocolMessage *message)
{
        StateEntry *old = find_state(holder, message->texts[PROTOCOL_STATE_LABEL].text), *entry;
        int r;

        r = state_new(message, &entry);
        if (r < 0)
                return r;
        if (old) {
                entry->state.news = old->state.news || !streq(old->text, entry->text);
                LIST_REMOVE(old, entry);
                state_free(old);
        }
        if (message->state.account == 0)
                state_free(entry);
        else
                LIST_INSERT_HEAD(&holder->states, entry, entry);
        if (holder->is_loaded)
                holder->changed(holder->userdata);
        return 0;
}

static void drop_stale_states(Holder *holder)
{
        StateEntry *entry, *next;

        for (entry = LIST_FIRST(&holder->states); entry; entry = next) {
                next = LIST_NEXT(entry, entry);
                if (!entry->is_current) {
                        LIST_REMOVE(entry, entry);
                        state_free(entry);
                }
        }
}

/* Loading */

static void set_failure(Holder *holder, const char *what, const char *why)
{
        char *text;

        if (asprintf(&text, "%s: %s", what, why) < 0)
                return;
        free(holder->failure);
        holder->failure = text;
}

static int on_loaded(Holder *holder, const ProtocolMessage *message)
{
        bool was_down = holder->n_starts > 1;

        if (message->id != holder->load_id)
                return 0; /* of an earlier reload */
        free(TAKE_PTR(holder->failure));
        holder->n_starts = 0;
        holder->is_loaded = true;
        if (message->loaded.r < 0) {
                set_failure(holder, "The key holder failed to load the configuration",
                            message->texts[0].text);
                log_error("%s", holder->failure);
        } else {
                drop_stale_states(holder);
                if (was_down)
                        log_notice("The key holder runs");
        }
        holder->changed(holder->userdata);
        return 0;
}

/* A new key holder, or a reload: its next states are the current ones. */
static void begin_load(Holder *holder, uint64_t id)
{
        StateEntry *entry;

        LIST_FOREACH(entry, &holder->states, entry)
                entry->is_current = false;
        holder->load_id = id;
        holder->is_loaded = false;
}

void holder_reload(Holder *holder)
{
        static uint64_t last_id;

        begin_load(holder, holder->channel ? ++last_id : 0);
        if (holder->channel)
                (void) channel_send(holder->channel, &(ProtocolMessage){.type = PROTOCOL_RELOAD,
                                                                        .id = holder->load_id});
}

bool holder_is_loaded(const Holder *holder)
{
        return holder->is_loaded;
}

/* Messages */

static ApiExchange *find_call(const Holder *holder, const ProtocolMessage *message)
{
        ApiExchange *call = holder->calls[message->id % PROTOCOL_CALLS_MAX];

        return call && call->id == message->id && call->is_sent &&
                               call->is_request == (message->type == PROTOCOL_REPLY)
                       ? call
                       : NULL;
}

/* Errors that only the key holder makes. */
static int result_of(int r)
{
        return r == -ESTALE || r == -ENOKEY || r == -EINVAL ? API_TRANSPORT_LOST : r;
}

static int on_reply(const Holder *holder, const ProtocolMessage *message)
{
        ApiExchange *call = find_call(holder, message);

        /* A reply may cross the CANCEL of its call. */
        if (call)
                call_end(call, result_of(message->reply.r),
                         &(ApiReply){.status = message->reply.status,
                                     .body = message->texts[0].text,
                                     .body_len = message->texts[0].len,
                                     .retry_after_s = message->reply.retry_after_s,
                                     .date_ms = message->reply.date_ms,
                                     .slots = message->reply.slots});
        return 0;
}

static int on_proof(const Holder *holder, const ProtocolMessage *message)
{
        ApiExchange *call = find_call(holder, message);
        char proof[PROTOCOL_PROOF_LEN + 1] = "";

        memcpy(proof, message->proof.proof, PROTOCOL_PROOF_LEN);
        if (call)
                call_end(call, result_of(message->proof.r),
                         &(ApiReply){.status = message->proof.r == 0 ? 200 : 0,
                                     .body = proof,
                                     .body_len = strlen(proof)});
        return 0;
}

static int on_message(const ProtocolMessage *message, void *userdata)
{
        Holder *holder = userdata;

        switch (message->type) {
        case PROTOCOL_STATE:
                return on_state(holder, message);
        case PROTOCOL_LOADED:
                return on_loaded(holder, message);
        case PROTOCOL_REPLY:
                return on_reply(holder, message);
        case PROTOCOL_PROOF:
                return on_proof(holder, message);
        default:
                return -EPROTO;
        }
}

static void on_sent(void *userdata)
{
        send_queued(userdata);
}

/* Starts and ends */

static uint64_t restart_pause_ms(const Holder *holder)
{
        uint64_t pause_ms = RESTART_MIN_MS;

        if (holder->n_failures <= 1)
                return 0;
        for (unsigned i = 2; i < holder->n_failures && pause_ms < RESTART_MAX_MS; i++)
                pause_ms *= 2;
        return pause_ms < RESTART_MAX_MS ? pause_ms : RESTART_MAX_MS;
}

static void schedule_restart(Holder *holder)
{
        uint64_t pause_ms;
        int r;

        holder->n_failures++;
        pause_ms = restart_pause_ms(holder);
        /* The log would fill with the same failure. */
        log_at(pause_ms < RESTART_MAX_MS ? LOG_WARNING : LOG_DEBUG, "%s; the next start is in %g s",
               holder->failure ?: "The key holder has ended", (double) pause_ms / 1000);
        r = log_errno_origin(sd_event_source_set_time_relative(holder->restart, pause_ms * 1000));
        if (r >= 0)
                r = log_errno_origin(
                        sd_event_source_set_enabled(holder->restart, SD_EVENT_ONESHOT));
        if (r < 0)
                log_error("Failed to schedule the start of the key holder: %s", strerror(-r));
        if (is_down(holder))
                fail_queued(holder);
}

static int on_restart(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
        start(userdata);
        return 0;
}

static void on_closed(int r, void *userdata)
{
        Holder *holder = userdata;

        holder->channel = channel_free(holder->channel);
        holder->process = holder_process_kill(holder->process);
        if (monotonic_ms() - holder->started_at_ms >= RESTART_GOOD_MS)
                holder->n_failures = 0;
        set_failure(holder, "The key holder has ended",
                    r < 0 ? strerror(-r) : "the connection is closed");
        begin_load(holder, 0);
        requeue_calls(holder);
        schedule_restart(holder);
}

static int connect_holder(Holder *holder)
{
        ProtocolMessage hello = {.type = PROTOCOL_HELLO};
        const ChannelOwner owner = {
                .received = on_message, .sent = on_sent, .closed = on_closed, .userdata = holder};
        int fd = -1, r;

        r = holder_process_new(holder->event, holder->config_file, &holder->process, &fd);
        if (r == 0)
                r = channel_new(holder->event, fd, PROTOCOL_DAEMON, &owner, &holder->channel);
        if (r < 0)
                return r;
        memcpy(hello.hello.nonce, holder->nonce, sizeof(holder->nonce));
        return channel_send(holder->channel, &hello);
}

static void start(Holder *holder)
{
        int r;

        assert(!holder->channel);
        (void) sd_event_source_set_enabled(holder->restart, SD_EVENT_OFF);
        holder->n_starts++;
        holder->started_at_ms = monotonic_ms();
        begin_load(holder, 0);
        r = connect_holder(holder);
        if (r == 0) {
                send_queued(holder);
                return;
        }
        holder->channel = channel_free(holder->channel);
        holder->process = holder_process_kill(holder->process);
        set_failure(holder, "Failed to start the key holder", strerror(-r));
        schedule_restart(holder);
}

void holder_wait(Holder *holder, uint64_t timeout_ms)
{
        uint64_t deadline_ms = monotonic_ms() + timeout_ms, now_ms;

        while (!holder->is_loaded && (now_ms = monotonic_ms()) < deadline_ms) {
                if (holder->channel)
                        channel_wait(holder->channel, deadline_ms - now_ms);
                else if (holder->n_failures <= 1)
                        start(holder);
                else
                        return;
        }
}

int holder_diagnose(const Holder *holder, FindingList *list)
{
        if (!holder->failure && holder->channel)
                return 0;
        return finding_add(list, .kind = "key-holder", .name = "passlock-keyholder",
                           .text = holder->failure ?: "The key holder has not started yet",
                           .advice = "journalctl --unit=passlockd tells more; links and id_tokens "
                                     "need no key holder");
}

const ApiTransport *holder_transport(const Holder *holder)
{
        return &holder->transport;
}

int holder_new(sd_event *event, const char *config_file, HolderChangedFunc changed, void *userdata,
               Holder **ret)
{
        _cleanup_(holder_freep) Holder *holder = calloc(1, sizeof(Holder));
        int r;

        if (!holder)
                return -ENOMEM;
        holder->event = sd_event_ref(event);
        holder->changed = changed;
        holder->userdata = userdata;
        holder->transport = (ApiTransport){.start = start_call,
                                           .cancel = cancel_call,
                                           .hold = hold_account,
                                           .release = release_account,
                                           .userdata = holder};
        TAILQ_INIT(&holder->queued);
        TAILQ_INIT(&holder->sent);
        holder->config_file = config_file ? strdup(config_file) : NULL;
        if (config_file && !holder->config_file)
                return -ENOMEM;
        if (getrandom(holder->nonce, sizeof(holder->nonce), 0) != sizeof(holder->nonce))
                return log_errno_origin(-errno);
        r = log_errno_origin(sd_event_add_time_relative(event, &holder->restart, CLOCK_MONOTONIC, 0,
                                                        1, on_restart, holder));
        if (r >= 0)
                r = log_errno_origin(sd_event_source_set_enabled(holder->restart, SD_EVENT_OFF));
        if (r < 0)
                return r;
        start(holder);
        *ret = TAKE_PTR(holder);
        return 0;
}

Holder *holder_free(Holder *holder)
{
        StateEntry *state;
        HeldAccount *account;

        if (!holder)
                return NULL;
        for (size_t i = 0; i < PROTOCOL_CALLS_MAX; i++)
                if (holder->calls[i])
                        call_free(holder->calls[i]);
        channel_free(holder->channel);
        if (holder->process)
                holder_process_wait(holder->process, EXIT_MS);
        while ((state = LIST_FIRST(&holder->states))) {
                LIST_REMOVE(state, entry);
                state_free(state);
        }
        while ((account = LIST_FIRST(&holder->accounts))) {
                LIST_REMOVE(account, entry);
                free(account);
        }
        sd_event_source_disable_unref(holder->restart);
        sd_event_unref(holder->event);
        free(holder->config_file);
        free(holder->failure);
        free(holder);
        return NULL;
}
