/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/text.h"
#include "client/passlockctl/host/user.h"
#include "client/passlockctl/terminal/record.h"
#include "client/passlockctl/terminal/report.h"
#include "client/passlockctl/verbs/verbs.h"

static const char *describe_verdict(const passlock_explanation *explanation)
{
        if (passlock_explanation_is_unenforced(explanation))
                return "yes, by Enforce=no: recorded as would-be-denied";
        if (passlock_explanation_is_allowed(explanation))
                return "yes";
        return streq(passlock_explanation_get_source(explanation), "polkit")
                       ? "no, unless polkit authorizes the caller"
                       : "no";
}

static void put_strings(Record *record, const char *label, const char *name,
                        const char *const *strings)
{
        record_put_strings(record, strings[0] ? label : NULL, name, strings);
}

static void put_grant(Record *record, const passlock_explanation *explanation)
{
        const char *grant = passlock_explanation_get_grant(explanation);
        uint64_t max = passlock_explanation_get_max_calls_per_s(explanation);

        record_put_string(record,
                          passlock_explanation_is_allowed(explanation) ? "Grant" : "Nearest grant",
                          "grant", grant);
        record_put_string(record, "Section at", "place",
                          passlock_explanation_get_place(explanation));
        record_put_string(record, "Allow= at", "allow_place",
                          passlock_explanation_get_allow_place(explanation));
        put_strings(record, "Lacks", "lacks", passlock_explanation_get_lacks(explanation));
        put_strings(record, "Relying parties", "rp_ids",
                    passlock_explanation_get_rp_ids(explanation));
        record_put_number(record, max > 0 ? "Calls per second" : NULL, "max_calls_per_s", max);
}

static int print_explanation(const passlock_explanation *explanation, bool json)
{
        _cleanup_(record_freep) Record *record = record_new();

        record_put_bool(record, NULL, "allowed", passlock_explanation_is_allowed(explanation));
        record_put_bool(record, NULL, "unenforced",
                        passlock_explanation_is_unenforced(explanation));
        record_put_label(record, "Allowed", describe_verdict(explanation));
        record_put_string(record, "Decided by", "source",
                          passlock_explanation_get_source(explanation));
        record_put_string(record, "Polkit action", "action",
                          passlock_explanation_get_action(explanation));
        record_put_string(record, "Tenancy", "tenancy",
                          passlock_explanation_get_tenancy(explanation));
        put_strings(record, "Needs any of", "rights", passlock_explanation_get_rights(explanation));
        put_grant(record, explanation);
        return record_print(record, json);
}

static int set_options(const Invocation *invocation, const User *user)
{
        passlock_options *options = invocation->options;
        int r;

        r = passlock_options_set_string(options, "tenancy", invocation->tenancy);
        if (r == 0 && invocation->apply)
                r = passlock_options_set_bool(options, "dry_run", false);
        if (r == 0)
                r = passlock_options_set_uint32_array(options, "groups", user->gids, user->n_gids);
        return r;
}

int verb_explain(Invocation *invocation)
{
        _cleanup_(passlock_explanation_unrefp) passlock_explanation *explanation = NULL;
        _cleanup_(user_clear) User user = {};
        const char *name = invocation->arguments[0];
        int r;

        r = user_look_up(name, &user);
        if (r < 0) {
                report("Failed to look up user %s: %s", name,
                       r == -ENOENT ? "no such user" : strerror(-r));
                return r == -ENOENT ? EXIT_USAGE : EXIT_OURS;
        }
        r = set_options(invocation, &user);
        if (r == 0)
                r = passlock_explain(invocation->client, invocation->arguments[1], user.uid,
                                     invocation->options, &explanation);
        if (r == 0)
                r = print_explanation(explanation, invocation->json);
        if (r != 0)
                return report_call(invocation->client, r);
        return passlock_explanation_is_allowed(explanation) ? 0 : EXIT_NO_GRANT;
}
