/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/strv.h"
#include "client/passlockctl/doctor/doctor.h"

#define CONFIG_FILE "/etc/passlock/passlockd.conf"

static bool is_from(const passlock_right *right, const char *source)
{
        return streq(passlock_right_get_source(right), source);
}

static bool is_for(const passlock_right *right, const char *label)
{
        return !label || streq(passlock_right_get_tenancy(right), label);
}

static void report_grant(CheckReport *checks, const passlock_right *right)
{
        _cleanup_(freep) char *names = strv_join(passlock_right_get_names(right));
        _cleanup_(freep) char *rp_ids = strv_join(passlock_right_get_rp_ids(right));

        check_report_ok(checks, "grants", "tenancy %s: %s, for %s ([Grant %s])%s",
                        passlock_right_get_tenancy(right), isempty(names) ? "nothing" : names,
                        isempty(rp_ids) ? "any relying party" : rp_ids,
                        passlock_right_get_grant(right) ?: "",
                        passlock_right_is_unenforced(right)
                                ? "; with Enforce=no, other calls are recorded"
                                : "");
}

static void report_polkit(CheckReport *checks, const passlock_right *right)
{
        _cleanup_(freep) char *names = strv_join(passlock_right_get_names(right));
        const char *label = passlock_right_get_tenancy(right);

        check_report_skipped(checks, "polkit", "%s%s, without a grant%s: %s",
                             *label ? "tenancy " : "the daemon", label,
                             passlock_right_needs_authentication(right)
                                     ? ", after authentication of an administrator"
                                     : "",
                             names ?: "");
}

static void report_no_grant(CheckReport *checks, const char *label)
{
        check_report_fault(checks, "grants",
                           "as root: add a [Grant ...] section to " CONFIG_FILE
                           "; then: passlockctl reload",
                           "no grant gives user %u access to %s%s", geteuid(),
                           label ? "tenancy " : "a tenancy", label ?: "");
}

static bool report_rights(CheckReport *checks, const passlock_right_list *rights, const char *label)
{
        bool granted = false, root = false;

        for (size_t i = 0; i < passlock_right_list_get_size(rights); i++) {
                const passlock_right *right = passlock_right_list_get(rights, i);

                if (is_from(right, "root") && !root)
                        check_report_ok(checks, "grants", "root has access to everything");
                root = root || is_from(right, "root");
                if (is_from(right, "grant") && is_for(right, label)) {
                        report_grant(checks, right);
                        granted = true;
                }
        }
        if (!granted && !root)
                report_no_grant(checks, label);
        for (size_t i = 0; i < passlock_right_list_get_size(rights); i++) {
                const passlock_right *right = passlock_right_list_get(rights, i);

                if (is_from(right, "polkit") && is_for(right, label))
                        report_polkit(checks, right);
        }
        return granted || root;
}

static bool has_tenancy(const passlock_tenancy_list *list, const char *label)
{
        for (size_t i = 0; i < passlock_tenancy_list_get_size(list); i++)
                if (!label ||
                    streq(passlock_tenancy_get_label(passlock_tenancy_list_get(list, i)), label))
                        return true;
        return false;
}

/* For older daemons without ListRights: checks the list of the caller's tenancies. */
static bool check_tenancies(CheckReport *checks, passlock *client, const char *label)
{
        _cleanup_(passlock_tenancy_list_unrefp) passlock_tenancy_list *list = NULL;
        bool root = geteuid() == 0;
        int r;

        r = passlock_list_tenancies(client, &list);
        if (r == 0 && (root || has_tenancy(list, label))) {
                check_report_ok(checks, "grants", "%s",
                                root ? "root has access to everything"
                                     : "a grant gives you access");
                return true;
        }
        if (r == 0 || r == PASSLOCK_ERROR_ACCESS_DENIED)
                report_no_grant(checks, label);
        else
                check_report_fault(checks, "grants", "see journalctl -u passlockd", "%s",
                                   passlock_strerror(r));
        return false;
}

bool doctor_check_rights(CheckReport *checks, passlock *client, const char *label)
{
        _cleanup_(passlock_right_list_unrefp) passlock_right_list *rights = NULL;
        int r;

        r = passlock_list_rights(client, &rights);
        if (r == 0)
                return report_rights(checks, rights, label);
        if (r == -EOPNOTSUPP)
                return check_tenancies(checks, client, label);
        check_report_fault(checks, "grants", "see journalctl -u passlockd", "%s: %s",
                           passlock_strerror(r), passlock_last_error_text(client));
        return false;
}
