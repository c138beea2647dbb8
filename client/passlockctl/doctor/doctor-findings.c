/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "client/passlockctl/doctor/doctor.h"

/* Maps a finding's kind to the heading of a check; "daemon" for unknown kinds. */
static const char *heading_of(const char *kind)
{
        static const struct {
                const char *kind, *heading;
        } headings[] = {
                {"user", "grants"},
                {"group", "grants"},
                {"grant", "grants"},
                {"ca-file", "TLS"},
                {"cert-file", "TLS"},
                {"endpoint", "name"},
                {"credential", "credential"},
                {"key", "credential"},
                {"store", "store"},
                {"store-credential", "store"},
                {"recovery", "store"},
                {"configuration", "configuration"},
                {"key-holder", KEY_HOLDER_HEADING},
        };

        for (size_t i = 0; i < ARRAY_SIZE(headings); i++)
                if (streq(headings[i].kind, kind))
                        return headings[i].heading;
        return "daemon";
}

static void show(CheckReport *checks, const passlock_finding *finding)
{
        const char *heading = heading_of(passlock_finding_get_kind(finding));
        const char *place = passlock_finding_get_place(finding);
        const char *text = passlock_finding_get_text(finding);
        const char *advice = passlock_finding_get_advice(finding);
        bool says_place = *place && !strstr(text, place);

        if (*advice)
                check_report_fault(checks, heading, advice, "%s%s%s", says_place ? place : "",
                                   says_place ? ": " : "", text);
        else
                check_report_skipped(checks, heading, "%s%s%s", says_place ? place : "",
                                     says_place ? ": " : "", text);
}

bool doctor_show_findings(CheckReport *checks, const passlock_finding_list *findings,
                          const char *label)
{
        bool of_credential = false;

        for (size_t i = 0; findings && i < passlock_finding_list_get_size(findings); i++) {
                const passlock_finding *finding = passlock_finding_list_get(findings, i);
                const char *heading = heading_of(passlock_finding_get_kind(finding));

                if (!streq(passlock_finding_get_tenancy(finding), label))
                        continue;
                if (!*label && streq(heading, KEY_HOLDER_HEADING))
                        continue; /* by doctor_check_key_holder() */
                of_credential = of_credential || streq(heading, "credential");
                /* As root, doctor_check_credential() reports more: it can read the credential's
                 * source. */
                if (geteuid() != 0 || !streq(heading, "credential"))
                        show(checks, finding);
        }
        return of_credential && geteuid() != 0;
}
