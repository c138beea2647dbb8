/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/rate-limit.h"
#include "daemon/bus/dispatch/polkit.h"

#define DRIVER      "org.freedesktop.DBus"
#define DRIVER_PATH "/org/freedesktop/DBus"

#define AUTHORITY           "org.freedesktop.PolicyKit1"
#define AUTHORITY_PATH      "/org/freedesktop/PolicyKit1/Authority"
#define AUTHORITY_INTERFACE AUTHORITY ".Authority"

#define ALLOW_USER_INTERACTION 1U

/* Timeouts without and with interactive authentication. The bus may have to start polkit, polkit's
 * rules may run programs, and users need time to type a password. */
#define ANSWER_TIMEOUT_US (15U * UINT64_C(1000000))
#define PERSON_TIMEOUT_US (300U * UINT64_C(1000000))

#define LOG_BURST       5U
#define LOG_INTERVAL_MS 10000U

struct Polkit {
        sd_bus *bus;
        sd_bus_slot *owner_match;
        sd_bus_slot *owner_query; /* pending GetNameOwner, or NULL */
        char *owner;              /* polkit's unique name; NULL: polkit is not running */
        uint64_t n_checks;
        RateLimit log_limit;
};

struct PolkitCheck {
        Polkit *polkit;
        sd_bus_slot *call;
        unsigned *n_pending;
        char cancellation_id[48];
        PolkitFunc func;
        void *userdata;
};

/* Logs a failure of polkit, rate-limited. */
_printf_(2, 3) static void complain(Polkit *polkit, const char *format, ...)
{
        char text[512];
        unsigned n_refused;
        va_list ap;

        if (!rate_limit_pass(&polkit->log_limit, monotonic_ms(), LOG_BURST, LOG_INTERVAL_MS,
                             &n_refused))
                return;
        va_start(ap, format);
        (void) vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        log_warning("polkit %s", text);
}

/* Out of memory: no owner is trusted. */
static void set_owner(Polkit *polkit, const char *owner)
{
        free(polkit->owner);
        polkit->owner = isempty(owner) ? NULL : strdup(owner);
}

static int on_owner_changed(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_)
{
        const char *name, *old_owner, *new_owner;

        /* Only the driver has this sender. */
        if (streq_ptr(sd_bus_message_get_sender(m), DRIVER) &&
            sd_bus_message_read(m, "sss", &name, &old_owner, &new_owner) >= 0 &&
            streq(name, AUTHORITY))
                set_owner(userdata, new_owner);
        return 0;
}

static int on_owner(sd_bus_message *reply, void *userdata, sd_bus_error *error _unused_)
{
        Polkit *polkit = userdata;
        const char *owner;

        polkit->owner_query = sd_bus_slot_unref(polkit->owner_query);
        if (sd_bus_message_is_method_error(reply, NULL) > 0) {
                if (!sd_bus_message_is_method_error(reply, SD_BUS_ERROR_NAME_HAS_NO_OWNER))
                        complain(polkit, "was not found: %s",
                                 sd_bus_message_get_error(reply)->name);
        } else if (streq_ptr(sd_bus_message_get_sender(reply), DRIVER) &&
                   sd_bus_message_read(reply, "s", &owner) >= 0) {
                set_owner(polkit, owner);
        }
        return 0;
}

/* Must run after the match of NameOwnerChanged, so that no change is missed. The reply comes before
 * those of later checks. */
static int find_owner(Polkit *polkit)
{
        return sd_bus_call_method_async(polkit->bus, &polkit->owner_query, DRIVER, DRIVER_PATH,
                                        DRIVER, "GetNameOwner", on_owner, polkit, "s", AUTHORITY);
}

int polkit_new(sd_bus *bus, Polkit **ret)
{
        _cleanup_(polkit_freep) Polkit *polkit = calloc(1, sizeof(Polkit));
        int r;

        if (!polkit)
                return -ENOMEM;
        polkit->bus = bus;
        r = sd_bus_add_match_async(bus, &polkit->owner_match,
                                   "type='signal',sender='" DRIVER "',path='" DRIVER_PATH
                                   "',interface='" DRIVER
                                   "',member='NameOwnerChanged',arg0='" AUTHORITY "'",
                                   on_owner_changed, NULL, polkit);
        if (r >= 0)
                r = find_owner(polkit);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(polkit);
        return 0;
}

Polkit *polkit_free(Polkit *polkit)
{
        if (!polkit)
                return NULL;
        sd_bus_slot_unref(polkit->owner_query);
        sd_bus_slot_unref(polkit->owner_match);
        free(polkit->owner);
        free(polkit);
        return NULL;
}

static void check_free(PolkitCheck *check)
{
        sd_bus_slot_unref(check->call);
        free(check);
}
DEFINE_CLEANUP(PolkitCheck *, check_free);

/* Sends CancelCheckAuthorization, without waiting for a reply or starting polkit. */
static int send_cancellation(const PolkitCheck *check)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = sd_bus_message_new_method_call(check->polkit->bus, &m, AUTHORITY, AUTHORITY_PATH,
                                           AUTHORITY_INTERFACE, "CancelCheckAuthorization");
        if (r >= 0)
                r = sd_bus_message_set_expect_reply(m, false);
        if (r >= 0)
                r = sd_bus_message_set_auto_start(m, false);
        if (r >= 0)
                r = sd_bus_message_append(m, "s", check->cancellation_id);
        return r < 0 ? r : sd_bus_send(check->polkit->bus, m, NULL);
}

void polkit_check_cancel(PolkitCheck *check)
{
        int r = send_cancellation(check);

        if (r < 0)
                log_debug("Failed to cancel a polkit check: %s", strerror(-r));
        (*check->n_pending)--;
        check_free(check);
}

static bool begins(const char *s, const char *prefix)
{
        return strncmp(s, prefix, strlen(prefix)) == 0;
}

/* Errors of the bus if polkit is not installed or masked. */
static bool is_absent(const char *error)
{
        return streq(error, SD_BUS_ERROR_SERVICE_UNKNOWN) ||
               begins(error, "org.freedesktop.systemd1.") ||
               begins(error, "org.freedesktop.DBus.Error.Spawn.");
}

static void check_failed(const PolkitCheck *check, sd_bus_message *reply)
{
        const sd_bus_error *error = sd_bus_message_get_error(reply);

        if (is_absent(error->name)) {
                log_debug("polkit is not available: %s", error->name);
                return;
        }
        complain(check->polkit, "failed to check an authorization: %s", error->name);
        /* After a timeout polkit still works on the check. */
        (void) send_cancellation(check);
}

static PolkitAnswer read_answer(const PolkitCheck *check, sd_bus_message *reply)
{
        Polkit *polkit = check->polkit;
        int is_authorized, is_challenge;

        if (sd_bus_message_is_method_error(reply, NULL) > 0) {
                check_failed(check, reply);
                return POLKIT_NONE;
        }
        /* The bus orders replies and NameOwnerChanged, so `owner` is up to date. */
        if (!polkit->owner || !streq_ptr(sd_bus_message_get_sender(reply), polkit->owner)) {
                complain(polkit, "reply ignored: its sender %s is not polkit",
                         sd_bus_message_get_sender(reply));
                return POLKIT_NONE;
        }
        if (sd_bus_message_has_signature(reply, "(bba{ss})") <= 0 ||
            sd_bus_message_enter_container(reply, 'r', "bba{ss}") < 0 ||
            sd_bus_message_read(reply, "bb", &is_authorized, &is_challenge) < 0) {
                complain(polkit, "sent a malformed reply");
                return POLKIT_NONE;
        }
        if (is_authorized)
                return POLKIT_YES;
        return is_challenge ? POLKIT_CHALLENGE : POLKIT_NO;
}

static int check_done(sd_bus_message *reply, void *userdata, sd_bus_error *error _unused_)
{
        _cleanup_(check_freep) PolkitCheck *check = userdata;
        PolkitAnswer answer = read_answer(check, reply);

        (*check->n_pending)--;
        check->func(answer, check->userdata);
        return 0;
}

static int append_details(sd_bus_message *m, const char *const *details)
{
        int r;

        r = sd_bus_message_open_container(m, 'a', "{ss}");
        for (; r >= 0 && *details; details += 2)
                r = sd_bus_message_append(m, "{ss}", details[0], details[1]);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_query(sd_bus_message *m, const PolkitQuery *query, const char *cancellation_id)
{
        int r;

        r = sd_bus_message_append(m, "(sa{sv})s", "system-bus-name", 1, "name", "s",
                                  query->unique_name, query->action);
        if (r >= 0)
                r = append_details(m, query->details);
        if (r >= 0)
                r = sd_bus_message_append(m, "us", query->interactive ? ALLOW_USER_INTERACTION : 0U,
                                          cancellation_id);
        return r;
}

int polkit_check(Polkit *polkit, const PolkitQuery *query, PolkitFunc func, void *userdata,
                 PolkitCheck **ret)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        _cleanup_(check_freep) PolkitCheck *check = calloc(1, sizeof(PolkitCheck));
        int r;

        if (!check)
                return -ENOMEM;
        *check = (PolkitCheck){
                .polkit = polkit,
                .n_pending = query->n_pending,
                .func = func,
                .userdata = userdata,
        };
        snprintf(check->cancellation_id, sizeof(check->cancellation_id), "passlockd-%" PRIu64,
                 ++polkit->n_checks);
        r = sd_bus_message_new_method_call(polkit->bus, &m, AUTHORITY, AUTHORITY_PATH,
                                           AUTHORITY_INTERFACE, "CheckAuthorization");
        if (r >= 0)
                r = append_query(m, query, check->cancellation_id);
        if (r >= 0)
                r = sd_bus_call_async(polkit->bus, &check->call, m, check_done, check,
                                      query->interactive ? PERSON_TIMEOUT_US : ANSWER_TIMEOUT_US);
        if (r < 0)
                return r;

        (*check->n_pending)++;
        *ret = TAKE_PTR(check);
        return 0;
}
