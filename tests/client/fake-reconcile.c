/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "dbus/error.h"
#include "tests/client/fake-service.h"

/*
 * Reconcile replies at once, or by a script word:
 *      steps    sends progress now and at the next Add("step"), replies at the second Add("step")
 *      stray    sends progress, unrelated signals and progress, but no reply
 *      stray-apply  like stray, unless it is a dry run
 *      clean    replies that there are no differences
 *      too-many-apply  replies LimitsExceeded, unless it is a dry run
 * Records "Reconcile gone" when the caller disconnects.
 */
const char *fake_reconcile_word = "";

static sd_bus_message *pending;
static unsigned n_steps;
static sd_bus_track *callers;

static int tell(sd_bus_message *call, const char *path, const char *signature, uint64_t checked)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *signal = NULL;
        sd_bus *bus = sd_bus_message_get_bus(call);
        int r;

        r = sd_bus_message_new_signal(bus, &signal, path, PASSLOCK_INTERFACE_LINKS,
                                      "ReconcileProgress");
        if (r >= 0 && streq(signature, "tt"))
                r = sd_bus_message_append(signal, "tt", checked, UINT64_C(200));
        else if (r >= 0)
                r = sd_bus_message_append(signal, "s", "none");
        return r < 0 ? r : sd_bus_send_to(bus, signal, sd_bus_message_get_sender(call), NULL);
}

static int answer(sd_bus_message *m)
{
        uint64_t n = streq(fake_reconcile_word, "clean") ? 0 : 1;

        return sd_bus_reply_method_return(m, "a{sv}", 4, "checked", "t", UINT64_C(200), "added",
                                          "t", 3 * n, "removed", "t", 2 * n, "conflicts", "t", n);
}

static int on_gone(sd_bus_track *track, void *userdata)
{
        record("Reconcile gone");
        callers = sd_bus_track_unref(callers);
        pending = sd_bus_message_unref(pending);
        return 0;
}

static int watch_caller(sd_bus_message *m)
{
        int r = 0;

        if (!callers)
                r = sd_bus_track_new(sd_bus_message_get_bus(m), &callers, on_gone, NULL);
        return r < 0 ? r : sd_bus_track_add_sender(callers, m);
}

static int tell_stray(sd_bus_message *m)
{
        const char *path = sd_bus_message_get_path(m);
        int r;

        r = tell(m, path, "tt", 50);
        if (r >= 0)
                r = tell(m, PASSLOCK_TENANCY_PATH "/else", "tt", 99);
        if (r >= 0)
                r = tell(m, path, "s", 99);
        return r < 0 ? r : tell(m, path, "tt", 60);
}

int fake_reconcile(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(freep) char *options = describe_options(m, NULL);
        int r;

        r = watch_caller(m);
        if (r < 0)
                return r;
        record("Reconcile%s", options);
        if (streq(fake_reconcile_word, "steps")) {
                pending = sd_bus_message_ref(m);
                n_steps = 0;
                return fake_reconcile_step();
        }
        if (streq(fake_reconcile_word, "stray") ||
            (streq(fake_reconcile_word, "stray-apply") && strstr(options, "=no"))) {
                r = tell_stray(m);
                return r < 0 ? r : 1;
        }
        if (streq(fake_reconcile_word, "too-many-apply") && strstr(options, "=no"))
                return sd_bus_reply_method_errorf(m, error_dbus_name(ERROR_LIMITS_EXCEEDED),
                                                  "text of max_remove");
        if (streq(fake_reconcile_word, "bad-reply"))
                return sd_bus_reply_method_return(m, "a{sv}", 1, "checked", "t", UINT64_C(1));
        r = obey(m, fake_reconcile_word, false);
        return r != 0 ? r : answer(m);
}

int fake_reconcile_step(void)
{
        int r;

        if (!pending)
                return 0;
        n_steps++;
        if (n_steps < 3)
                return tell(pending, sd_bus_message_get_path(pending), "tt", n_steps * 50);
        r = sd_bus_track_remove_sender(callers, pending);
        if (r >= 0)
                r = answer(pending);
        pending = sd_bus_message_unref(pending);
        return r < 0 ? r : 1;
}
