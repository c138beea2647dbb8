/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "client/passlockctl/doctor/doctor-credential.h"
#include "client/passlockctl/doctor/doctor-unit.h"
#include "client/passlockctl/host/systemd-unit.h"

/* One that has a mistake keeps the daemon from starting; one that runs goes on with the old one. */
static void check_running_configuration(CheckReport *checks)
{
        _cleanup_(freep) char *refused = systemd_unit_configuration_error();

        if (refused)
                check_report_fault(checks, "configuration",
                                   "correct that; then, as root: passlockctl reload", "%s",
                                   refused);
        else
                check_report_ok(checks, "configuration", "the last start was with a good one");
}

static void check_failed_start(CheckReport *checks)
{
        _cleanup_(freep) char *error = systemd_unit_last_error();

        check_report_fault(
                checks, "configuration",
                error ? "correct that; then, as root: " UNIT_RESTART_COMMAND
                      : "journalctl -u passlockd says why, with file and line if it is the "
                        "configuration; correct that; then: " UNIT_RESTART_COMMAND,
                "the last start of " UNIT " failed%s%s", error ? ": " : "", error ?: "");
}

bool doctor_check_unit(CheckReport *checks)
{
        switch (systemd_unit_last_start()) {
        case UNIT_START_UNKNOWN:
                check_report_skipped(checks, "configuration", "systemd cannot be asked");
                return true;
        case UNIT_START_NO_UNIT:
                check_report_skipped(checks, "configuration", "systemd does not know " UNIT);
                return true;
        case UNIT_START_MASKED:
                check_report_skipped(checks, "configuration", "the daemon does not run to read it");
                check_report_fault(checks, "daemon",
                                   "as root: systemctl unmask passlockd; systemctl start passlockd",
                                   UNIT " is masked, so that nothing starts it");
                return false;
        case UNIT_START_GOOD:
                check_running_configuration(checks);
                return true;
        case UNIT_START_FAILED:
                check_failed_start(checks);
                return true;
        case UNIT_START_NO_CREDENTIALS:
                check_report_skipped(checks, "configuration", "the daemon does not run to read it");
                check_report_skipped(checks, "daemon",
                                     "does not run, since systemd cannot open a key");
                doctor_check_unusable_credentials(checks);
                return false;
        }
        return true;
}
