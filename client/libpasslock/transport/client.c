/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <sys/eventfd.h>

#include "client/libpasslock/transport/calls.h"
#include "client/libpasslock/transport/client.h"
#include "client/libpasslock/transport/monitor.h"

#define TIMEOUT_MS_DEFAULT 30000U
#define LABEL_LEN_MAX      32U
/* Limits the time that passlock_dispatch() blocks the app's event loop. */
#define EVENTS_PER_DISPATCH 1024U

int client_check(const passlock *client)
{
        if (!client)
                return -EINVAL;
        return client->pid == getpid() ? 0 : -ECHILD;
}

void client_wake(passlock *client)
{
        /* Fails only if the eventfd is readable already. */
        (void) eventfd_write(client->wake_fd, 1);
}

static int on_wake(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        eventfd_t value;

        (void) eventfd_read(fd, &value);
        return 0;
}

static void on_ready(void *userdata)
{
        passlock *client = userdata;

        calls_send_waiting(client);
        monitors_on_ready(client);
}

static void on_failed(int r, void *userdata)
{
        passlock *client = userdata;

        calls_on_failed(client, r);
        if (calls_want_bus(client) || monitors_want_bus(client))
                (void) connection_retry_later(client->connection);
}

static void on_lost(void *userdata)
{
        passlock *client = userdata;

        calls_on_lost(client);
        monitors_on_lost(client);
        if (calls_want_bus(client) || monitors_want_bus(client))
                (void) connection_request(client->connection);
}

static void on_owner_changed(void *userdata)
{
        passlock *client = userdata;

        if (connection_get_owner(client->connection))
                calls_on_service(client);
        monitors_on_owner_changed(client);
}

static void on_signalled(sd_bus_message *m, void *userdata)
{
        monitors_on_signal(userdata, m);
}

static const ConnectionHandlers handlers = {
        .ready = on_ready,
        .failed = on_failed,
        .lost = on_lost,
        .owner_changed = on_owner_changed,
        .signalled = on_signalled,
};

static int client_open(passlock *client)
{
        int r;

        r = sd_event_new(&client->event);
        if (r < 0)
                return r;
        client->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (client->wake_fd < 0)
                return -errno;
        r = sd_event_add_io(client->event, &client->wake_source, client->wake_fd, EPOLLIN, on_wake,
                            NULL);
        if (r < 0)
                return r;
        return connection_new(client->event, &handlers, client, &client->connection);
}

DEFINE_CLEANUP(passlock *, passlock_unref);

_public_ int passlock_new(passlock **ret)
{
        _cleanup_(passlock_unrefp) passlock *client = NULL;
        int r;

        if (!ret)
                return -EINVAL;
        client = calloc(1, sizeof(passlock));
        if (!client)
                return -ENOMEM;
        client->n_ref = 1;
        client->pid = getpid();
        client->wake_fd = -1;
        client->timeout_ms = TIMEOUT_MS_DEFAULT;
        TAILQ_INIT(&client->calls);
        TAILQ_INIT(&client->long_running_calls);
        TAILQ_INIT(&client->finished);
        TAILQ_INIT(&client->monitors);
        TAILQ_INIT(&client->changes);
        r = client_open(client);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(client);
        return 0;
}

static void client_destroy(passlock *client)
{
        monitors_free(client);
        calls_free(client);
        connection_free(client->connection);
        sd_event_source_unref(client->wake_source);
        closep(&client->wake_fd);
        sd_event_unref(client->event);
        free(client->label);
        free(client->last_error_text);
        free(client);
}

_public_ passlock *passlock_ref(passlock *client)
{
        if (client)
                client->n_ref++;
        return client;
}

_public_ passlock *passlock_unref(passlock *client)
{
        if (client && --client->n_ref == 0)
                client_destroy(client);
        return NULL;
}

static bool label_is_valid(const char *label)
{
        size_t len = strspn(label, "abcdefghijklmnopqrstuvwxyz0123456789_");

        return len > 0 && len <= LABEL_LEN_MAX && label[len] == '\0';
}

_public_ int passlock_set_tenancy(passlock *client, const char *label)
{
        char *copy = NULL;
        int r;

        r = client_check(client);
        if (r < 0)
                return r;
        if (label) {
                if (!label_is_valid(label))
                        return -EINVAL;
                copy = strdup(label);
                if (!copy)
                        return -ENOMEM;
        }
        free(client->label);
        client->label = copy;
        return 0;
}

_public_ int passlock_set_timeout_ms(passlock *client, uint32_t timeout_ms)
{
        int r;

        r = client_check(client);
        if (r < 0)
                return r;
        if (timeout_ms == 0)
                return -EINVAL;
        client->timeout_ms = timeout_ms;
        return 0;
}

_public_ int passlock_set_interactive(passlock *client, bool interactive)
{
        int r;

        r = client_check(client);
        if (r < 0)
                return r;
        client->interactive = interactive;
        return 0;
}

_public_ const char *passlock_last_error_text(passlock *client)
{
        if (client->last_r == 0)
                return "";
        return client->last_error_text ?: passlock_strerror(client->last_r);
}

_public_ int passlock_get_fd(passlock *client)
{
        int r;

        r = client_check(client);
        if (r < 0)
                return r;
        return sd_event_get_fd(client->event);
}

int client_process(passlock *client)
{
        for (unsigned n = 0; n < EVENTS_PER_DISPATCH; n++) {
                int r;

                r = sd_event_run(client->event, 0);
                if (r <= 0)
                        return r;
        }
        client_wake(client);
        return 0;
}

/* Delivers one event of each kind in turn: callbacks may queue more events of their kind. */
static void client_deliver(passlock *client)
{
        bool more = true;

        client->delivering = true;
        /* The caller's reference is the last one if a callback released the client. */
        while (more && client->n_ref > 1) {
                more = calls_deliver_one(client);
                if (client->n_ref > 1)
                        more = monitors_deliver_one(client) || more;
                if (client->n_ref > 1)
                        more = calls_deliver_progress(client) || more;
        }
        client->delivering = false;
}

_public_ int passlock_dispatch(passlock *client)
{
        _cleanup_(passlock_unrefp) passlock *kept = NULL;
        int r;

        r = client_check(client);
        if (r < 0)
                return r;
        if (client->delivering)
                return -EDEADLK;
        kept = passlock_ref(client);
        r = client_process(client);
        client_deliver(client);
        return r;
}
