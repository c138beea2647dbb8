/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <passlock.h>

#include "client/passlockctl/doctor/check-report.h"
#include "client/passlockctl/host/daemon-environment.h"
#include "client/passlockctl/host/unit-credentials.h"

/* Reports each credential file that keeps systemd from starting the unit; details for root only. */
void doctor_check_unusable_credentials(CheckReport *checks);

/*
 * Finds the unit's credential files that systemd cannot load and calls found() for each; `problem`
 * is to be printed after the path. For root. Returns their number.
 */
typedef void (*UnusableFunc)(const CredentialSetting *setting, const char *path,
                             const char *problem, void *userdata);
unsigned credential_find_unusable(UnusableFunc found, void *userdata);

/*
 * Checks whether the tenancy has a key, and why not; details for root only. `advice` is advice on
 * how to set one.
 */
void doctor_check_credential(CheckReport *checks, const passlock_tenancy *tenancy,
                             const DaemonEnvironment *environment, const char *advice);
