/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "client/passlockctl/doctor/doctor.h"
#include "client/passlockctl/host/systemd-unit.h"

/* After a failed reload the daemon runs with the old configuration. */
static void check_running_configuration(CheckReport *checks)
{
        _cleanup_(freep) char *refused = systemd_unit_configuration_error();

        if (refused)
                check_report_fault(checks, "configuration",
                                   "correct the configuration; then, as root: passlockctl reload",
                                   "%s", refused);
        else
                check_report_ok(checks, "configuration", "loaded without errors");
}

static void check_failed_start(CheckReport *checks)
{
        _cleanup_(freep) char *error = systemd_unit_last_error(UNIT);

        check_report_fault(checks, "configuration",
                           error ? "correct the configuration; then, as root: " UNIT_RESTART_COMMAND
                                 : "see journalctl -u passlockd for file and line of an invalid "
                                   "configuration; correct it; then: " UNIT_RESTART_COMMAND,
                           "the last start of " UNIT " failed%s%s", error ? ": " : "", error ?: "");
}

bool doctor_check_unit(CheckReport *checks)
{
        switch (systemd_unit_last_start(UNIT)) {
        case UNIT_START_UNKNOWN:
                check_report_skipped(checks, "configuration", "systemctl failed");
                return true;
        case UNIT_START_NO_UNIT:
                check_report_skipped(checks, "configuration", UNIT " is not installed");
                return true;
        case UNIT_START_MASKED:
                check_report_skipped(checks, "configuration",
                                     "not loaded, the daemon is not running");
                check_report_fault(checks, "daemon",
                                   "as root: systemctl unmask passlockd; systemctl start passlockd",
                                   UNIT " is masked and cannot be started");
                return false;
        case UNIT_START_PENDING:
                check_report_skipped(checks, "configuration",
                                     "unknown, the daemon has not started yet");
                check_report_fault(checks, "daemon", "see journalctl -u passlockd",
                                   UNIT " is still starting or stopping");
                return false;
        case UNIT_START_GOOD:
                check_running_configuration(checks);
                return true;
        case UNIT_START_FAILED:
                check_failed_start(checks);
                return true;
        case UNIT_START_NO_CREDENTIALS:
                check_report_skipped(checks, "configuration",
                                     "not loaded, the daemon is not running");
                check_report_skipped(checks, "daemon", "not running");
                if (!doctor_check_misplaced_settings(checks))
                        check_report_fault(
                                checks, "credential",
                                "as root: systemctl daemon-reload; " UNIT_RESTART_COMMAND,
                                "systemd failed to load a credential of " UNIT
                                ", which needs none");
                return false;
        }
        return true;
}
