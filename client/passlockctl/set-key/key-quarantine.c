/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "base/text.h"
#include "client/passlockctl/doctor/doctor.h"
#include "client/passlockctl/doctor/service.h"
#include "client/passlockctl/host/systemd-unit.h"
#include "client/passlockctl/set-key/key-change.h"
#include "client/passlockctl/terminal/report.h"

#define OURS "/etc/credstore.encrypted/"
/* A name that no unit loads. */
#define ASIDE OURS "unusable."

/* Only moves files in /etc/credstore.encrypted: others belong to an image or to other settings. */
static void quarantine(const CredentialSetting *setting, const char *path, const char *problem,
                       void *userdata)
{
        _cleanup_(freep) char *aside = text_format(ASIDE "%s", setting->id);
        bool *failed = userdata;

        if (!aside || strncmp(path, OURS, strlen(OURS)) != 0 || rename(path, aside) < 0) {
                *failed = true;
                return;
        }
        report("%s %s and keeps " UNIT " from starting; moved it to %s", path, problem, aside);
}

/* daemon-reload alone fixes some faults. Returns whether the unit is running. */
static bool quarantine_and_restart(void)
{
        bool failed = false;

        if (!systemd_daemon_reload())
                return false;
        if (credential_find_unusable(quarantine, &failed) > 0 && !failed)
                failed = !systemd_daemon_reload();
        return !failed && systemd_unit_restart();
}

int key_quarantine_and_start(const Invocation *invocation)
{
        ServiceStart start = service_start(invocation);

        if (start == SERVICE_RUNS || start == SERVICE_UNKNOWN)
                return 0;
        if (geteuid() == 0 && systemd_unit_last_start() == UNIT_START_NO_CREDENTIALS &&
            quarantine_and_restart())
                return 0;
        return service_report(invocation, start);
}
