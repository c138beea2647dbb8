/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "client/passlockctl/doctor/doctor-api.h"
#include "client/passlockctl/doctor/doctor-credential.h"
#include "client/passlockctl/doctor/doctor-tenancy.h"

DEFINE_CLEANUP(passlock_passkey_list *, passlock_passkey_list_unref);

/* How a call of the daemon's by this tenancy went, which only root may make for sure. */
typedef struct TestCall {
        bool made;
        int r; /* of the call */
        const char *text;
} TestCall;

static TestCall make_test_call(passlock *client, const passlock_tenancy *tenancy)
{
        _cleanup_(passlock_passkey_list_unrefp) passlock_passkey_list *passkeys = NULL;
        TestCall test_call = {};

        if (geteuid() != 0 || streq(passlock_tenancy_get_state(tenancy), "unconfigured"))
                return test_call;
        test_call.made = true;
        test_call.r = passlock_vault_list(client, "", &passkeys);
        test_call.text = passlock_last_error_text(client);
        return test_call;
}

/* Whether it was the API that answered, be it with a refusal. */
static bool is_answer_of_api(const TestCall *test_call)
{
        return test_call->made && (test_call->r == 0 || test_call->r == PASSLOCK_ERROR_API_DENIED ||
                                   test_call->r == PASSLOCK_ERROR_RATE_LIMITED ||
                                   test_call->r == PASSLOCK_ERROR_BAD_REQUEST ||
                                   test_call->r == PASSLOCK_ERROR_MALFORMED_REPLY);
}

static void report_refused(CheckReport *checks, const char *mend)
{
        check_report_fault(checks, "key", mend, "the API refuses it");
}

static void report_trial(CheckReport *checks, const TestCall *test_call, bool answered,
                         const char *mend)
{
        if (test_call->r == 0)
                check_report_ok(checks, "key", "the API takes it");
        else if (test_call->r == PASSLOCK_ERROR_API_DENIED)
                report_refused(checks, mend);
        else if (test_call->r == PASSLOCK_ERROR_UNREACHABLE && !answered)
                check_report_skipped(checks, "key", "cannot be tried");
        else if (test_call->r == PASSLOCK_ERROR_UNREACHABLE)
                check_report_fault(
                        checks, "key",
                        "check what stops the user passlock and not you: a firewall rule, or "
                        "settings of the unit such as IPAddressDeny=; see journalctl -u passlockd",
                        "not known: the daemon gets no usable answer, though this tool does by "
                        "the same way");
        else
                check_report_fault(checks, "key", "see journalctl -u passlockd", "not known: %s",
                                   *test_call->text ? test_call->text
                                                    : passlock_strerror(test_call->r));
}

/* For who may not try it, what the daemon made of the API's last answer. */
static void report_state(CheckReport *checks, const char *state, bool answered, const char *mend)
{
        if (streq(state, "unconfigured"))
                check_report_skipped(checks, "key", "there is none");
        else if (!answered)
                check_report_skipped(checks, "key", "cannot be tried");
        else if (streq(state, "denied"))
                report_refused(checks, mend);
        else if (streq(state, "degraded"))
                check_report_fault(checks, "key",
                                   "if all is well above, the next call mends this; else see "
                                   "journalctl -u passlockd",
                                   "not known: the daemon's last call got no usable answer");
        else
                check_report_ok(checks, "key", "the API has not refused it");
}

int doctor_check_tenancy(CheckReport *checks, const TenancyCheck *check)
{
        const passlock_tenancy *tenancy = check->tenancy;
        const char *endpoint = passlock_tenancy_get_endpoint(tenancy);
        TestCall test_call = make_test_call(check->invocation->client, tenancy);
        const ApiRoute route = {
                .endpoint = endpoint,
                .ca_file = check->invocation->ca_file ?: passlock_tenancy_get_ca_file(tenancy),
                .proxy = daemon_environment_find_proxy(check->environment, endpoint),
                .timeout_ms = check->timeout_ms,
                .daemon_gets_answers = is_answer_of_api(&test_call),
        };
        HttpResponse answer;
        char mend[128];
        bool answered;
        int r;

        snprintf(mend, sizeof(mend), "as root: passlockctl %s%.32s%sset-key",
                 check->is_default ? "" : "--tenancy=",
                 check->is_default ? "" : passlock_tenancy_get_label(tenancy),
                 check->is_default ? "" : " ");
        if (!check->known_credential)
                doctor_check_credential(checks, tenancy, check->environment, mend);
        r = doctor_check_api(checks, &route, &answer);
        if (r < 0)
                return r;
        answered = answer.outcome == HTTP_RESPONDED;
        if (test_call.made)
                report_trial(checks, &test_call, answered, mend);
        else
                report_state(checks, passlock_tenancy_get_state(tenancy), answered, mend);
        doctor_check_clock(checks, &answer);
        return 0;
}
