/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <passlock.h>

#include "client/passlockctl/doctor/check-report.h"
#include "client/passlockctl/host/daemon-environment.h"
#include "client/passlockctl/host/unit-credentials.h"

/* Why systemd can give the unit no credentials: a fault for each file that is to blame, if we may
 * look.
 */
void doctor_check_unusable_credentials(CheckReport *checks);

/* The files among the unit's credentials that systemd cannot use: calls found() for each, with what
 * is wrong, to be put after the path. For root. Returns how many there are. */
typedef void (*UnusableFunc)(const CredentialSetting *setting, const char *path,
                             const char *problem, void *userdata);
unsigned credential_find_unusable(UnusableFunc found, void *userdata);

/* Whether the tenancy has a key; if not, why, as far as we may look. `mend` is the advice that
 * gives it another one. */
void doctor_check_credential(CheckReport *checks, const passlock_tenancy *tenancy,
                             const DaemonEnvironment *environment, const char *mend);
