/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "client/passlockctl/doctor/doctor-credential.h"
#include "client/passlockctl/doctor/doctor-unit.h"
#include "client/passlockctl/host/systemd-unit.h"

/* One that has a mistake keeps the daemon from starting; one that runs goes on with the old one. */
static void check_running_configuration(Checkup *checkup)
{
        _cleanup_(freep) char *refused = unit_refused_configuration();

        if (refused)
                checkup_fault(checkup, "configuration",
                              "correct that; then, as root: passlockctl reload", "%s", refused);
        else
                checkup_good(checkup, "configuration", "the last start was with a good one");
}

static void check_failed_start(Checkup *checkup)
{
        _cleanup_(freep) char *error = unit_last_error();

        checkup_fault(checkup, "configuration",
                      error ? "correct that; then, as root: " UNIT_START_AGAIN
                            : "journalctl -u passlockd says why, with file and line if it is the "
                              "configuration; correct that; then: " UNIT_START_AGAIN,
                      "the last start of " UNIT " failed%s%s", error ? ": " : "", error ?: "");
}

bool doctor_check_unit(Checkup *checkup)
{
        switch (unit_last_start()) {
        case UNIT_START_UNKNOWN:
                checkup_skip(checkup, "configuration", "systemd cannot be asked");
                return true;
        case UNIT_START_NO_UNIT:
                checkup_skip(checkup, "configuration", "systemd does not know " UNIT);
                return true;
        case UNIT_START_MASKED:
                checkup_skip(checkup, "configuration", "the daemon does not run to read it");
                checkup_fault(checkup, "daemon",
                              "as root: systemctl unmask passlockd; systemctl start passlockd",
                              UNIT " is masked, so that nothing starts it");
                return false;
        case UNIT_START_GOOD:
                check_running_configuration(checkup);
                return true;
        case UNIT_START_FAILED:
                check_failed_start(checkup);
                return true;
        case UNIT_START_NO_CREDENTIALS:
                checkup_skip(checkup, "configuration", "the daemon does not run to read it");
                checkup_skip(checkup, "daemon", "does not run, since systemd cannot open a key");
                doctor_check_unusable_credentials(checkup);
                return false;
        }
        return true;
}
