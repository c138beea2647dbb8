/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>
#include <sys/queue.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/holder/holder-calls.h"
#include "daemon/holder/holder-process.h"
#include "daemon/holder/holder-socket.h"
#include "daemon/holder/holder-states.h"
#include "daemon/holder/holder-store.h"
#include "daemon/holder/holder-watchdog.h"
#include "daemon/holder/holder.h"
#include "keyholder/protocol/channel.h"

/* Back-off of restarts: at once, then doubling. A key holder that has run for so long was good. */
#define RESTART_MIN_MS  100U
#define RESTART_MAX_MS  5000U
#define RESTART_GOOD_MS 10000U
/* One that has run for so long, and then was told to exit, did not fail. */
#define STOP_GOOD_MS 1000U

/* States that change are reported together. */
#define CHANGED_MS 50U

/* Requests fail at once after so many starts in a row without a connection. */
#define STARTS_MAX 2U

/* Requests fail at once if a key holder has not loaded its keys by then. */
#define LOAD_MS 5000U

/* Time for an orderly exit. */
#define EXIT_MS 2000U

/* An account that Apis use. */
typedef struct HeldAccount {
        LIST_ENTRY(HeldAccount) entry;
        uint64_t id;
        unsigned n_held;
} HeldAccount;

struct Holder {
        sd_event *event;
        char *config_file;
        char *socket_path; /* NULL: the key holder is a child process */
        HolderChangedFunc changed;
        void *userdata;
        ApiTransport transport;
        EtcdTransport etcd_transport;
        uint8_t nonce[PROTOCOL_HELLO_NONCE_LEN];

        HolderProcess *process;
        Channel *channel; /* NULL: no key holder */
        bool is_stopping; /* the key holder has been told to exit */
        HolderWatchdog *watchdog;
        sd_event_source *restart, *load_timer, *changed_timer;
        uint64_t started_at_ms;
        unsigned n_failures; /* ends in a row, for the back-off */
        unsigned n_starts;   /* in a row that did not load */

        uint64_t load_id; /* of the last RELOAD; 0: HELLO */
        bool is_loaded;   /* since then */
        char *failure;    /* why there is no key holder, or why it has not loaded; NULL */
        HolderStates states;
        LIST_HEAD(, HeldAccount) accounts;

        HolderCalls *calls;
        HolderStore *store;
};

static void start(Holder *holder);

/* Transport */

static int start_call(void *userdata, const ApiRequest *request, ApiReplyFunc func,
                      void *func_userdata, ApiExchange **ret)
{
        const Holder *holder = userdata;
        int r;

        r = holder_call_start(holder->calls, request, func, func_userdata, ret);
        if (holder_calls_await(holder->calls))
                holder_watchdog_arm(holder->watchdog);
        return r;
}

static unsigned count_endpoints(void *userdata)
{
        const Holder *holder = userdata;

        return holder_store_n_endpoints(holder->store);
}

static int start_exchange(void *userdata, const EtcdRequest *request, EtcdDataFunc data,
                          EtcdReplyFunc reply, void *func_userdata, EtcdExchange **ret)
{
        const Holder *holder = userdata;
        int r;

        r = holder_store_start(holder->store, request, data, reply, func_userdata, ret);
        if (holder_store_await(holder->store))
                holder_watchdog_arm(holder->watchdog);
        return r;
}

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

const HolderState *holder_find(const Holder *holder, const char *label)
{
        return holder_states_find(&holder->states, label);
}

void holder_forget_news(Holder *holder)
{
        holder_states_forget_news(&holder->states);
}

static int on_changed_timer(sd_event_source *source _unused_, uint64_t usec _unused_,
                            void *userdata)
{
        const Holder *holder = userdata;

        if (holder->is_loaded)
                holder->changed(holder->userdata);
        return 0;
}

/* Each change may be logged. */
static void report_change(const Holder *holder)
{
        if (!holder->is_loaded || sd_event_source_get_enabled(holder->changed_timer, NULL) > 0)
                return;
        (void) sd_event_source_set_time_relative(holder->changed_timer, CHANGED_MS * 1000);
        (void) sd_event_source_set_enabled(holder->changed_timer, SD_EVENT_ONESHOT);
}

static int on_state(Holder *holder, const ProtocolMessage *message)
{
        int r;

        r = message->type == PROTOCOL_STATE ? holder_states_receive(&holder->states, message)
                                            : holder_store_receive(holder->store, message);
        if (r == 0)
                report_change(holder);
        return r;
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

static bool awaits_reply(const Holder *holder)
{
        return holder_calls_await(holder->calls) || holder_store_await(holder->store);
}

static int on_loaded(Holder *holder, const ProtocolMessage *message)
{
        bool was_down = holder->n_starts > 1;

        if (message->id != holder->load_id)
                return 0; /* of an earlier reload */
        if (holder->is_loaded)
                return -EPROTO;
        free(TAKE_PTR(holder->failure));
        holder->n_starts = 0;
        holder->is_loaded = true;
        (void) sd_event_source_set_enabled(holder->load_timer, SD_EVENT_OFF);
        if (message->loaded.r < 0) {
                set_failure(holder, "The key holder failed to load the configuration",
                            message->texts[0].text);
                log_error("%s", holder->failure);
        } else {
                holder_states_drop_stale(&holder->states);
                if (was_down)
                        log_notice("The key holder runs");
        }
        holder->changed(holder->userdata);
        /* Not only after HELLO: a reload may have overtaken its LOADED. */
        if (!holder->is_stopping) {
                holder_calls_connect(holder->calls, holder->channel);
                holder_store_connect(holder->store, holder->channel);
                if (awaits_reply(holder))
                        holder_watchdog_arm(holder->watchdog);
        }
        return 0;
}

/* A new key holder, or a reload: its next states are the current ones. */
static void begin_load(Holder *holder, uint64_t id)
{
        holder_states_begin_load(&holder->states);
        holder->load_id = id;
        holder->is_loaded = false;
}

void holder_reload(Holder *holder)
{
        static uint64_t last_id;

        begin_load(holder, holder->channel ? ++last_id : 0);
        if (!holder->channel)
                return;
        holder_watchdog_arm(holder->watchdog);
        (void) channel_send(holder->channel,
                            &(ProtocolMessage){.type = PROTOCOL_RELOAD, .id = holder->load_id});
}

bool holder_is_loaded(const Holder *holder)
{
        return holder->is_loaded;
}

/* Connection */

static int on_stopping(Holder *holder)
{
        if (holder->is_stopping)
                return -EPROTO;
        holder->is_stopping = true;
        holder_calls_pause(holder->calls);
        holder_store_pause(holder->store);
        return channel_send(holder->channel, &(ProtocolMessage){.type = PROTOCOL_STOP_ACK});
}

static int on_message(const ProtocolMessage *message, void *userdata)
{
        Holder *holder = userdata;

        holder_watchdog_feed(holder->watchdog);
        switch (message->type) {
        case PROTOCOL_STATE:
        case PROTOCOL_STORE_STATE:
                return on_state(holder, message);
        case PROTOCOL_LOADED:
                return on_loaded(holder, message);
        case PROTOCOL_REPLY:
        case PROTOCOL_PROOF:
                holder_calls_receive(holder->calls, message);
                return 0;
        case PROTOCOL_STORE_DATA:
        case PROTOCOL_STORE_REPLY:
                return holder_store_receive(holder->store, message);
        case PROTOCOL_PONG:
                return 0;
        case PROTOCOL_STOPPING:
                return on_stopping(holder);
        default:
                return -EPROTO;
        }
}

static void on_sent(void *userdata)
{
        const Holder *holder = userdata;

        holder_calls_send(holder->calls);
        holder_store_send(holder->store);
        if (awaits_reply(holder))
                holder_watchdog_arm(holder->watchdog);
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

static void log_end_of_holder(const Holder *holder, uint64_t pause_ms)
{
        if (holder->is_stopping)
                log_info("The key holder has stopped");
        else /* The log would fill with the same failure. */
                log_at(pause_ms < RESTART_MAX_MS ? LOG_WARNING : LOG_DEBUG,
                       "%s; the next start is in %g s",
                       holder->failure ?: "The key holder has ended", (double) pause_ms / 1000);
}

static void set_down(const Holder *holder, bool is_down)
{
        holder_calls_set_down(holder->calls, is_down);
        holder_store_set_down(holder->store, is_down);
}

static void schedule_restart(Holder *holder)
{
        uint64_t pause_ms;
        int r;

        if (holder->is_stopping && monotonic_ms() - holder->started_at_ms >= STOP_GOOD_MS)
                holder->n_failures = 0;
        else
                holder->n_failures++;
        pause_ms = restart_pause_ms(holder);
        log_end_of_holder(holder, pause_ms);
        r = log_errno_origin(sd_event_source_set_time_relative(holder->restart, pause_ms * 1000));
        if (r >= 0)
                r = log_errno_origin(
                        sd_event_source_set_enabled(holder->restart, SD_EVENT_ONESHOT));
        if (r < 0)
                log_error("Failed to schedule the start of the key holder: %s", strerror(-r));
        set_down(holder, holder->n_starts >= STARTS_MAX);
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
        holder_watchdog_disarm(holder->watchdog);
        (void) sd_event_source_set_enabled(holder->load_timer, SD_EVENT_OFF);
        if (monotonic_ms() - holder->started_at_ms >= RESTART_GOOD_MS)
                holder->n_failures = 0;
        set_failure(holder, "The key holder has ended",
                    r < 0 ? strerror(-r) : "the connection is closed");
        begin_load(holder, 0);
        holder_calls_disconnect(holder->calls);
        holder_store_disconnect(holder->store);
        schedule_restart(holder);
}

/* Watchdog */

static bool awaits(void *userdata)
{
        const Holder *holder = userdata;

        return !holder->is_loaded || awaits_reply(holder);
}

static void ping(void *userdata)
{
        const Holder *holder = userdata;

        (void) channel_send(holder->channel, &(ProtocolMessage){.type = PROTOCOL_PING});
}

/* Only a child can be killed. systemd kills a service that hangs, and the connection ends. */
static void on_hang(void *userdata)
{
        Holder *holder = userdata;

        if (!holder->process)
                return;
        log_warning("The key holder hangs and is killed");
        on_closed(-ETIMEDOUT, holder);
}

static int connect_holder(Holder *holder)
{
        ProtocolMessage hello = {.type = PROTOCOL_HELLO};
        const ChannelOwner owner = {
                .received = on_message, .sent = on_sent, .closed = on_closed, .userdata = holder};
        int fd = -1, r;

        if (holder->socket_path)
                r = holder_socket_connect(holder->socket_path, &fd);
        else
                r = holder_process_new(holder->event, holder->config_file, &holder->process, &fd);
        if (r == 0)
                r = channel_new(holder->event, fd, PROTOCOL_DAEMON, &owner, &holder->channel);
        if (r < 0)
                return r;
        memcpy(hello.hello.nonce, holder->nonce, sizeof(holder->nonce));
        return channel_send(holder->channel, &hello);
}

/* A service may be slow to start; or its unit fails, and nobody accepts the connection. */
static int on_load_timer(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
        Holder *holder = userdata;

        set_failure(holder, "The key holder does not respond", strerror(ETIMEDOUT));
        log_warning("%s", holder->failure);
        set_down(holder, true);
        return 0;
}

static void start(Holder *holder)
{
        int r;

        assert(!holder->channel);
        (void) sd_event_source_set_enabled(holder->restart, SD_EVENT_OFF);
        holder->n_starts++;
        holder->started_at_ms = monotonic_ms();
        holder->is_stopping = false;
        begin_load(holder, 0);
        r = connect_holder(holder);
        if (r == 0) {
                (void) sd_event_source_set_time_relative(holder->load_timer, LOAD_MS * 1000);
                (void) sd_event_source_set_enabled(holder->load_timer, SD_EVENT_ONESHOT);
                if (holder->process)
                        holder_watchdog_arm(holder->watchdog);
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
                           .advice = holder->socket_path
                                             ? "systemctl status passlock-keyholder.socket "
                                               "passlock-keyholder.service tells more; links and "
                                               "id_tokens need no key holder"
                                             : "journalctl --unit=passlockd tells more; links and "
                                               "id_tokens need no key holder");
}

const HolderStoreState *holder_get_store(const Holder *holder)
{
        return holder_store_get_state(holder->store);
}

const EtcdTransport *holder_etcd_transport(const Holder *holder)
{
        return &holder->etcd_transport;
}

const ApiTransport *holder_transport(const Holder *holder)
{
        return &holder->transport;
}

static int add_timer(sd_event *event, sd_event_time_handler_t handler, Holder *holder,
                     sd_event_source **ret)
{
        int r;

        r = log_errno_origin(
                sd_event_add_time_relative(event, ret, CLOCK_MONOTONIC, 0, 1, handler, holder));
        return r < 0 ? r : log_errno_origin(sd_event_source_set_enabled(*ret, SD_EVENT_OFF));
}

int holder_new(sd_event *event, const HolderOptions *options, HolderChangedFunc changed,
               void *userdata, Holder **ret)
{
        _cleanup_(holder_freep) Holder *holder = calloc(1, sizeof(Holder));
        int r;

        if (!holder)
                return -ENOMEM;
        holder->event = sd_event_ref(event);
        holder->changed = changed;
        holder->userdata = userdata;
        holder->transport = (ApiTransport){.start = start_call,
                                           .cancel = holder_call_cancel,
                                           .hold = hold_account,
                                           .release = release_account,
                                           .userdata = holder};
        holder->etcd_transport = (EtcdTransport){.n_endpoints = count_endpoints,
                                                 .start = start_exchange,
                                                 .cancel = holder_store_cancel,
                                                 .userdata = holder};
        holder->config_file = options->config_file ? strdup(options->config_file) : NULL;
        holder->socket_path = options->socket_path ? strdup(options->socket_path) : NULL;
        if (!holder->config_file != !options->config_file ||
            !holder->socket_path != !options->socket_path)
                return -ENOMEM;
        if (getrandom(holder->nonce, sizeof(holder->nonce), 0) != sizeof(holder->nonce))
                return log_errno_origin(-errno);
        r = holder_calls_new(event, &holder->calls);
        if (r == 0)
                r = holder_store_new(event, &holder->store);
        if (r == 0)
                r = add_timer(event, on_restart, holder, &holder->restart);
        if (r >= 0)
                r = add_timer(event, on_load_timer, holder, &holder->load_timer);
        if (r >= 0)
                r = add_timer(event, on_changed_timer, holder, &holder->changed_timer);
        if (r >= 0)
                r = holder_watchdog_new(event,
                                        &(HolderWatchdogOwner){.awaits = awaits,
                                                               .ping = ping,
                                                               .hangs = on_hang,
                                                               .userdata = holder},
                                        &holder->watchdog);
        if (r < 0)
                return r;
        start(holder);
        *ret = TAKE_PTR(holder);
        return 0;
}

Holder *holder_free(Holder *holder)
{
        HeldAccount *account;

        if (!holder)
                return NULL;
        holder_calls_free(holder->calls);
        holder_store_free(holder->store);
        channel_free(holder->channel);
        if (holder->process)
                holder_process_wait(holder->process, EXIT_MS);
        holder_states_clear(&holder->states);
        while ((account = LIST_FIRST(&holder->accounts))) {
                LIST_REMOVE(account, entry);
                free(account);
        }
        holder_watchdog_free(holder->watchdog);
        sd_event_source_disable_unref(holder->restart);
        sd_event_source_disable_unref(holder->load_timer);
        sd_event_source_disable_unref(holder->changed_timer);
        sd_event_unref(holder->event);
        free(holder->config_file);
        free(holder->socket_path);
        free(holder->failure);
        free(holder);
        return NULL;
}
