/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "client/passlockctl/doctor/doctor.h"

/* The daemon notices within two seconds that the API responds again. */
#define RECOVERY_MS 4000U
#define RETRY_MS    250U

/* A test call by the daemon. Only for root: other users may lack the grant. */
typedef struct TestCall {
        bool made;
        int r; /* of the call */
        const char *text;
} TestCall;

static void repeat_test_call(passlock *client, TestCall *test_call)
{
        _cleanup_(passlock_passkey_list_unrefp) passlock_passkey_list *passkeys = NULL;

        test_call->r = passlock_vault_list(client, "", &passkeys);
        test_call->text = passlock_last_error_text(client);
}

static TestCall make_test_call(passlock *client, const passlock_tenancy *tenancy)
{
        TestCall test_call = {};

        if (geteuid() != 0 || streq(passlock_tenancy_get_state(tenancy), "unconfigured"))
                return test_call;
        test_call.made = true;
        repeat_test_call(client, &test_call);
        return test_call;
}

/* The API may have come back a moment ago, and the daemon still refuse calls. */
static void await_recovery(passlock *client, TestCall *test_call)
{
        uint64_t begin_ms = monotonic_ms();

        while (test_call->r == PASSLOCK_ERROR_UNREACHABLE &&
               monotonic_ms() - begin_ms < RECOVERY_MS) {
                usleep(RETRY_MS * 1000);
                repeat_test_call(client, test_call);
        }
}

/* Whether the API responded, even with an error. */
static bool is_answer_of_api(const TestCall *test_call)
{
        return test_call->made && (test_call->r == 0 || test_call->r == PASSLOCK_ERROR_API_DENIED ||
                                   test_call->r == PASSLOCK_ERROR_RATE_LIMITED ||
                                   test_call->r == PASSLOCK_ERROR_BAD_REQUEST ||
                                   test_call->r == PASSLOCK_ERROR_MALFORMED_REPLY);
}

static void report_refused(CheckReport *checks, const char *advice)
{
        check_report_fault(checks, "key", advice, "rejected by the API");
}

static void report_trial(CheckReport *checks, const TestCall *test_call, bool answered,
                         const char *advice)
{
        if (test_call->r == 0)
                check_report_ok(checks, "key", "accepted by the API");
        else if (test_call->r == PASSLOCK_ERROR_API_DENIED)
                report_refused(checks, advice);
        else if (test_call->r == PASSLOCK_ERROR_UNREACHABLE && !answered)
                check_report_skipped(checks, "key", "not tested");
        else if (test_call->r == PASSLOCK_ERROR_UNREACHABLE)
                check_report_fault(
                        checks, "key",
                        "check firewall rules for the user passlock-keyholder, and settings of "
                        "passlock-keyholder.service such as IPAddressDeny=; see journalctl -u "
                        "passlock-keyholder -u passlockd",
                        "unknown: the daemon gets no usable response, but passlockctl does by the "
                        "same route");
        else
                check_report_fault(checks, "key", "see journalctl -u passlockd", "unknown: %s",
                                   *test_call->text ? test_call->text
                                                    : passlock_strerror(test_call->r));
}

/* Without a test call: reports the state after the daemon's last call. */
static void report_state(CheckReport *checks, const char *state, bool answered, const char *advice)
{
        if (streq(state, "unconfigured"))
                check_report_skipped(checks, "key", "no key");
        else if (!answered)
                check_report_skipped(checks, "key", "not tested");
        else if (streq(state, "denied"))
                report_refused(checks, advice);
        else if (streq(state, "degraded"))
                check_report_fault(
                        checks, "key",
                        "the daemon probes the API until it responds; for the reason see "
                        "journalctl -u passlockd",
                        "unknown: the daemon's last call got no usable response");
        else
                check_report_ok(checks, "key", "not rejected by the API so far");
}

int doctor_check_tenancy(CheckReport *checks, const TenancyCheck *check)
{
        const passlock_tenancy *tenancy = check->tenancy;
        const char *endpoint = passlock_tenancy_get_endpoint(tenancy);
        TestCall test_call = {};
        ApiRoute route = {
                .endpoint = endpoint,
                .ca_file = check->invocation->ca_file ?: passlock_tenancy_get_ca_file(tenancy),
                .proxy = daemon_environment_find_proxy(check->environment, endpoint),
                .timeout_ms = check->timeout_ms,
        };
        HttpResponse answer;
        char advice[128];
        bool answered;
        int r;

        if (!check->no_key_holder)
                test_call = make_test_call(check->invocation->client, tenancy);
        route.daemon_gets_answers = is_answer_of_api(&test_call);
        snprintf(advice, sizeof(advice), "as root: passlockctl %s%.32s%sset-key",
                 check->is_default ? "" : "--tenancy=",
                 check->is_default ? "" : passlock_tenancy_get_label(tenancy),
                 check->is_default ? "" : " ");
        if (check->no_key_holder)
                check_report_skipped(checks, "credential", "unknown without the key holder");
        else if (!check->known_credential)
                doctor_check_credential(checks, tenancy, check->environment, advice);
        r = doctor_check_api(checks, &route, &answer);
        if (r < 0)
                return r;
        answered = answer.outcome == HTTP_RESPONDED;
        if (answered && test_call.made)
                await_recovery(check->invocation->client, &test_call);
        if (check->no_key_holder)
                check_report_skipped(checks, "key", "not tested, the key holder does not run");
        else if (test_call.made)
                report_trial(checks, &test_call, answered, advice);
        else
                report_state(checks, passlock_tenancy_get_state(tenancy), answered, advice);
        doctor_check_clock(checks, &answer);
        return 0;
}
