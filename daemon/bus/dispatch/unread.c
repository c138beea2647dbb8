/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/bus/dispatch/unread.h"

#define DRIVER      "org.freedesktop.DBus"
#define DRIVER_PATH "/org/freedesktop/DBus"

/* From where on the bus is asked. */
#define UNREAD_QUERY ((size_t) 64 * 1024)

/* Memory of the bus for each message beyond its bytes. */
#define OVERHEAD ((size_t) 256)

#define QUERY_TIMEOUT_US (5U * 1000U * 1000U)
#define INTERVAL_MIN_MS  10U
#define INTERVAL_MAX_MS  100U

/* Bytes that count as read each millisecond if the bus does not tell. */
#define READ_PER_MS ((size_t) 4096)

void unread_init(Unread *unread, sd_bus *bus, const char *unique_name, size_t *all)
{
        *unread = (Unread){.bus = bus, .unique_name = unique_name, .all = all};
}

static void set_bytes(Unread *unread, size_t n_bytes)
{
        *unread->all += n_bytes - unread->bytes;
        unread->bytes = n_bytes;
}

void unread_clear(Unread *unread)
{
        set_bytes(unread, 0);
        unread->query = sd_bus_slot_unref(unread->query);
}

/* Finds OutgoingBytes in the a{sv} of the reply. Returns 1 if it is there. */
static int read_outgoing_bytes(sd_bus_message *m, uint32_t *ret)
{
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                const char *key;

                r = sd_bus_message_read(m, "s", &key);
                if (r >= 0 && streq(key, "OutgoingBytes"))
                        return sd_bus_message_read(m, "v", "u", ret);
                if (r >= 0)
                        r = sd_bus_message_skip(m, "v");
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        return r;
}

/* Small messages cost the bus several times their bytes. */
static size_t cost_of(uint32_t outgoing_bytes)
{
        return outgoing_bytes < UNREAD_QUERY / 4 ? 4 * (size_t) outgoing_bytes
                                                 : outgoing_bytes + 3 * (UNREAD_QUERY / 4);
}

static bool is_transient(int r)
{
        return r == -ETIMEDOUT || r == -ENOMEM || r == -ENOBUFS;
}

static int on_stats(sd_bus_message *reply, void *userdata, sd_bus_error *error _unused_)
{
        Unread *unread = userdata;
        uint32_t outgoing_bytes;
        int r;

        unread->query = sd_bus_slot_unref(unread->query);
        r = -sd_bus_message_get_errno(reply);
        if (r == 0)
                r = read_outgoing_bytes(reply, &outgoing_bytes);
        if (r <= 0) {
                log_debug("Failed to ask the bus what %s has not read: %s", unread->unique_name,
                          strerror(r < 0 ? -r : ENODATA));
                unread->unsupported |= !is_transient(r);
                unread->updated_at_ms = monotonic_ms();
                return 0;
        }
        set_bytes(unread, unread->bytes - unread->bytes_queried + cost_of(outgoing_bytes));
        unread->interval_ms = unread->bytes < UNREAD_QUERY            ? 0
                              : unread->interval_ms < INTERVAL_MIN_MS ? INTERVAL_MIN_MS
                                                                      : unread->interval_ms * 2;
        if (unread->interval_ms > INTERVAL_MAX_MS)
                unread->interval_ms = INTERVAL_MAX_MS;
        unread->retry_at_ms = monotonic_ms() + unread->interval_ms;
        return 0;
}

static int send_query(Unread *unread)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = sd_bus_message_new_method_call(unread->bus, &m, DRIVER, DRIVER_PATH,
                                           DRIVER ".Debug.Stats", "GetConnectionStats");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", unread->unique_name);
        if (r >= 0)
                r = sd_bus_call_async(unread->bus, &unread->query, m, on_stats, unread,
                                      QUERY_TIMEOUT_US);
        return r;
}

/* The bus answers for what it was sent before the query. */
static void query_if_due(Unread *unread)
{
        if (unread->query || monotonic_ms() < unread->retry_at_ms)
                return;
        if (send_query(unread) >= 0)
                unread->bytes_queried = unread->bytes;
}

static void forget_read(Unread *unread)
{
        uint64_t now_ms = monotonic_ms();
        uint64_t elapsed_ms = now_ms - unread->updated_at_ms;

        unread->updated_at_ms = now_ms;
        set_bytes(unread, elapsed_ms >= unread->bytes / READ_PER_MS
                                  ? 0
                                  : unread->bytes - elapsed_ms * READ_PER_MS);
}

static void update(Unread *unread)
{
        if (unread->unsupported)
                forget_read(unread);
        else
                query_if_due(unread);
}

void unread_add(Unread *unread, size_t n_bytes)
{
        set_bytes(unread, unread->bytes + n_bytes + OVERHEAD);
        if (unread->bytes >= UNREAD_QUERY)
                update(unread);
}

bool unread_has_room(Unread *unread, size_t max)
{
        if (unread->bytes >= max)
                update(unread);
        return unread->bytes < max;
}

bool unread_is_queried(const Unread *unread)
{
        return unread->query;
}
