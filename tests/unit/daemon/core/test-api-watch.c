/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/clock.h"
#include "base/jitter.h"
#include "daemon/core/api-watch.h"
#include "tests/unit/test.h"

/* Fakes replace the lower layers at link time. Each probe gets its reply in the next turn of the
 * event loop, or none can be sent. */

static sd_event *event;
static Tenancy tenancy;
static bool out_of_memory;
static unsigned n_probes;
static int start_r; /* of api_probe() */
static struct {
        ResultFunc func; /* NULL: not in flight */
        void *userdata;
} calls[2];

int __real_sd_event_add_time(sd_event *e, sd_event_source **ret, clockid_t clock, uint64_t usec,
                             uint64_t accuracy, sd_event_time_handler_t func, void *userdata);
int __wrap_sd_event_add_time(sd_event *e, sd_event_source **ret, clockid_t clock, uint64_t usec,
                             uint64_t accuracy, sd_event_time_handler_t func, void *userdata);

int __wrap_sd_event_add_time(sd_event *e, sd_event_source **ret, clockid_t clock, uint64_t usec,
                             uint64_t accuracy, sd_event_time_handler_t func, void *userdata)
{
        return out_of_memory
                       ? -ENOMEM
                       : __real_sd_event_add_time(e, ret, clock, usec, accuracy, func, userdata);
}

uint64_t jitter_ms(uint64_t base_ms)
{
        return 1;
}

const char *tenancy_label(const Tenancy *t)
{
        return "default";
}

bool tenancy_is_usable(const Tenancy *t)
{
        return true;
}

uint64_t tenancy_timeout_ms(const Tenancy *t)
{
        return 100;
}

bool api_has_doubts(const Api *api)
{
        return false;
}

uint64_t api_probe_at_ms(const Api *api)
{
        return 0;
}

int api_probe(Api *api, uint64_t timeout_ms, ResultFunc func, void *userdata, ApiCall **ret)
{
        size_t i = calls[0].func ? 1 : 0;

        assert_null(calls[i].func);
        n_probes++;
        if (start_r < 0)
                return start_r;
        calls[i].func = func;
        calls[i].userdata = userdata;
        *ret = (ApiCall *) &calls[i];
        return 0;
}

ApiCall *api_call_cancel(ApiCall *call)
{
        if (call)
                memset(call, 0, sizeof(calls[0]));
        return NULL;
}

static int set_up(void **state)
{
        assert_true(sd_event_new(&event) >= 0);
        tenancy = (Tenancy){.event = event, .state = TENANCY_DEGRADED};
        n_probes = 0;
        start_r = 0;
        out_of_memory = false;
        return api_watch_part.attach(&tenancy);
}

static int tear_down(void **state)
{
        api_watch_part.detach(&tenancy);
        event = sd_event_unref(event);
        return 0;
}

static void answer_probes(void)
{
        for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
                ResultFunc func = calls[i].func;

                calls[i].func = NULL;
                if (func)
                        func(&(Result){.r = 0}, calls[i].userdata);
        }
}

static void run_until(unsigned n)
{
        uint64_t deadline_ms = monotonic_ms() + 60000;

        while (n_probes < n) {
                assert_true(monotonic_ms() < deadline_ms);
                answer_probes();
                assert_true(sd_event_run(event, 1000000) >= 0);
        }
}

static void test_probes_until_ready(void **state)
{
        api_watch_part.api_doubted(&tenancy);
        run_until(5);
        tenancy.state = TENANCY_READY;
        answer_probes();
        while (sd_event_run(event, 50000) > 0)
                ;
        assert_int_equal(n_probes, 5);
}

static void test_out_of_memory(void **state)
{
        out_of_memory = true;
        start_r = -ENOMEM;
        api_watch_part.api_doubted(&tenancy);
        run_until(5);
        start_r = 0;
        run_until(10);
}

static void test_stop(void **state)
{
        api_watch_part.api_doubted(&tenancy);
        api_watch_part.stop(&tenancy);
        assert_int_equal(sd_event_run(event, 50000), 0);
        assert_int_equal(n_probes, 0);
        api_watch_part.start(&tenancy);
        run_until(2);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_probes_until_ready, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_out_of_memory, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_stop, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
