/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * transport SOCKET
 *
 * Sends requests to etcd by the key holder at SOCKET. Reads commands from standard input:
 *
 *   request NAME PATH ENDPOINT TIMEOUT_MS BODY   (PATH: a number of EtcdPath)
 *   stream NAME PATH ENDPOINT TIMEOUT_MS BODY    (with a leader)
 *   count NAME PATH ENDPOINT TIMEOUT_MS BODY     a stream whose data is counted only
 *   total NAME                                   prints the count
 *   cancel NAME
 *   sleep MS                                     reads nothing meanwhile
 *   reload
 *   state
 *
 * and prints "state ENDPOINTS SERIAL FAULT TEXT" after each change, "NAME data TEXT" and "NAME end
 * R STATUS BODY". NAME is one letter.
 */

#include <errno.h>
#include <stdio.h>

#include "base/log.h"
#include "daemon/holder/holder.h"

#define NAMES 128

typedef struct Driver Driver;

typedef struct Exchange {
        Driver *driver;
        char name;
        EtcdExchange *exchange;
        bool counts;
        size_t n_bytes;
} Exchange;

struct Driver {
        sd_event *event;
        Holder *holder;
        Exchange exchanges[NAMES];
        char input[1 << 20];
        size_t input_len;
};

static void print_text(const char *text, size_t len)
{
        for (size_t i = 0; i < len; i++)
                (void) putchar(text[i] == '\n' ? ' ' : text[i]);
        (void) putchar('\n');
        (void) fflush(stdout);
}

static void print_state(const Driver *driver)
{
        const EtcdTransport *transport = holder_etcd_transport(driver->holder);
        const HolderStoreState *state = holder_get_store(driver->holder);

        printf("state %u %u %d ", transport->n_endpoints(transport->userdata),
               (unsigned) state->serial, state->fault);
        print_text(state->text, strlen(state->text));
}

static void on_changed(void *userdata)
{
        print_state(userdata);
}

static void on_data(const char *data, size_t len, void *userdata)
{
        Exchange *exchange = userdata;

        exchange->n_bytes += len;
        if (exchange->counts)
                return;
        printf("%c data ", exchange->name);
        print_text(data, len);
}

static void on_reply(int r, unsigned status, const char *body, size_t body_len, void *userdata)
{
        Exchange *exchange = userdata;

        exchange->exchange = NULL;
        printf("%c end %s %u ", exchange->name, r == 0 ? "0" : strerrorname_np(-r), status);
        print_text(body ?: "", body_len);
}

static void start(Driver *driver, const char *command, const char *arguments)
{
        const EtcdTransport *transport = holder_etcd_transport(driver->holder);
        unsigned path, endpoint, timeout_ms;
        Exchange *exchange;
        int n = 0, r;
        char name;

        if (sscanf(arguments, "%c %u %u %u %n", &name, &path, &endpoint, &timeout_ms, &n) < 4)
                abort();
        exchange = &driver->exchanges[(unsigned char) name % NAMES];
        assert(!exchange->exchange && path < ETCD_PATH_MAX);
        *exchange = (Exchange){.driver = driver, .name = name, .counts = streq(command, "count")};
        r = transport->start(transport->userdata,
                             &(EtcdRequest){.path = path,
                                            .endpoint = endpoint,
                                            .body = arguments + n,
                                            .body_len = strlen(arguments + n),
                                            .timeout_ms = timeout_ms,
                                            .reply_len_max = 1 << 20,
                                            .require_leader = !streq(command, "request")},
                             streq(command, "request") ? NULL : on_data, on_reply, exchange,
                             &exchange->exchange);
        if (r < 0)
                on_reply(r, 0, NULL, 0, exchange);
}

static void execute(Driver *driver, char *line)
{
        char *arguments = line + strcspn(line, " ");
        Exchange *exchange;

        if (*arguments)
                *arguments++ = '\0';
        exchange = &driver->exchanges[(unsigned char) *arguments % NAMES];
        if (streq(line, "request") || streq(line, "stream") || streq(line, "count")) {
                start(driver, line, arguments);
        } else if (streq(line, "total")) {
                printf("%c total %zu\n", *arguments, exchange->n_bytes);
                (void) fflush(stdout);
        } else if (streq(line, "cancel")) {
                holder_etcd_transport(driver->holder)->cancel(TAKE_PTR(exchange->exchange));
        } else if (streq(line, "sleep")) {
                usleep((useconds_t) atoi(arguments) * 1000);
        } else if (streq(line, "reload")) {
                holder_reload(driver->holder);
        } else if (streq(line, "state")) {
                print_state(driver);
        } else {
                abort();
        }
}

static int on_input(sd_event_source *source _unused_, int fd, uint32_t events _unused_,
                    void *userdata)
{
        Driver *driver = userdata;
        ssize_t n = read(fd, driver->input + driver->input_len,
                         sizeof(driver->input) - driver->input_len - 1);
        char *end;

        if (n <= 0)
                return sd_event_exit(driver->event, 0);
        driver->input_len += (size_t) n;
        driver->input[driver->input_len] = '\0';
        while ((end = strchr(driver->input, '\n'))) {
                *end++ = '\0';
                execute(driver, driver->input);
                driver->input_len -= (size_t) (end - driver->input);
                memmove(driver->input, end, driver->input_len + 1);
        }
        return 0;
}

int main(int argc, char *argv[])
{
        static Driver driver;
        const HolderOptions options = {.socket_path = argc == 2 ? argv[1] : NULL};

        assert(options.socket_path);
        log_set_max_level(LOG_DEBUG);
        assert(sd_event_new(&driver.event) >= 0);
        assert(sd_event_add_io(driver.event, NULL, STDIN_FILENO, 1, on_input, &driver) >= 0);
        assert(holder_new(driver.event, &options, on_changed, &driver, &driver.holder) == 0);
        assert(sd_event_loop(driver.event) >= 0);
        holder_free(driver.holder);
        sd_event_unref(driver.event);
        return EXIT_SUCCESS;
}
