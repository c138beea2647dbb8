/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "client/passlockctl/doctor/doctor-api.h"
#include "client/passlockctl/doctor/doctor-credential.h"
#include "client/passlockctl/doctor/doctor-tenancy.h"

DEFINE_CLEANUP(passlock_passkey_list *, passlock_passkey_list_unref);

/* How a call of the daemon's by this tenancy went, which only root may make for sure. */
typedef struct Trial {
        bool made;
        int r; /* of the call */
        const char *text;
} Trial;

static Trial try_call(passlock *client, const passlock_tenancy *tenancy)
{
        _cleanup_(passlock_passkey_list_unrefp) passlock_passkey_list *passkeys = NULL;
        Trial trial = {};

        if (geteuid() != 0 || streq(passlock_tenancy_get_state(tenancy), "unconfigured"))
                return trial;
        trial.made = true;
        trial.r = passlock_vault_list(client, "", &passkeys);
        trial.text = passlock_last_error_text(client);
        return trial;
}

/* Whether it was the API that answered, be it with a refusal. */
static bool is_answer_of_api(const Trial *trial)
{
        return trial->made &&
               (trial->r == 0 || trial->r == PASSLOCK_ERROR_API_DENIED ||
                trial->r == PASSLOCK_ERROR_RATE_LIMITED || trial->r == PASSLOCK_ERROR_BAD_REQUEST ||
                trial->r == PASSLOCK_ERROR_MALFORMED_REPLY);
}

static void say_refused(Checkup *checkup, const char *mend)
{
        checkup_fault(checkup, "key", mend, "the API refuses it");
}

static void say_trial(Checkup *checkup, const Trial *trial, bool answered, const char *mend)
{
        if (trial->r == 0)
                checkup_good(checkup, "key", "the API takes it");
        else if (trial->r == PASSLOCK_ERROR_API_DENIED)
                say_refused(checkup, mend);
        else if (trial->r == PASSLOCK_ERROR_UNREACHABLE && !answered)
                checkup_skip(checkup, "key", "cannot be tried");
        else if (trial->r == PASSLOCK_ERROR_UNREACHABLE)
                checkup_fault(
                        checkup, "key",
                        "check what stops the user passlock and not you: a firewall rule, or "
                        "settings of the unit such as IPAddressDeny=; see journalctl -u passlockd",
                        "not known: the daemon gets no usable answer, though this tool does by "
                        "the same way");
        else
                checkup_fault(checkup, "key", "see journalctl -u passlockd", "not known: %s",
                              *trial->text ? trial->text : passlock_strerror(trial->r));
}

/* For who may not try it, what the daemon made of the API's last answer. */
static void say_state(Checkup *checkup, const char *state, bool answered, const char *mend)
{
        if (streq(state, "unconfigured"))
                checkup_skip(checkup, "key", "there is none");
        else if (!answered)
                checkup_skip(checkup, "key", "cannot be tried");
        else if (streq(state, "denied"))
                say_refused(checkup, mend);
        else if (streq(state, "degraded"))
                checkup_fault(checkup, "key",
                              "if all is well above, the next call mends this; else see "
                              "journalctl -u passlockd",
                              "not known: the daemon's last call got no usable answer");
        else
                checkup_good(checkup, "key", "the API has not refused it");
}

int doctor_check_tenancy(Checkup *checkup, const TenancyCheck *check)
{
        const passlock_tenancy *tenancy = check->tenancy;
        const char *endpoint = passlock_tenancy_get_endpoint(tenancy);
        Trial trial = try_call(check->invocation->client, tenancy);
        const ApiRoute route = {
                .endpoint = endpoint,
                .ca_file = check->invocation->ca_file ?: passlock_tenancy_get_ca_file(tenancy),
                .proxy = daemon_environment_find_proxy(check->environment, endpoint),
                .timeout_ms = check->timeout_ms,
                .daemon_gets_answers = is_answer_of_api(&trial),
        };
        HttpAnswer answer;
        char mend[128];
        bool answered;
        int r;

        snprintf(mend, sizeof(mend), "as root: passlockctl %s%.32s%sset-key",
                 check->is_default ? "" : "--tenancy=",
                 check->is_default ? "" : passlock_tenancy_get_label(tenancy),
                 check->is_default ? "" : " ");
        if (!check->known_credential)
                doctor_check_credential(checkup, tenancy, check->environment, mend);
        r = doctor_check_api(checkup, &route, &answer);
        if (r < 0)
                return r;
        answered = answer.outcome == HTTP_ANSWERED;
        if (trial.made)
                say_trial(checkup, &trial, answered, mend);
        else
                say_state(checkup, passlock_tenancy_get_state(tenancy), answered, mend);
        doctor_check_clock(checkup, &answer);
        return 0;
}
