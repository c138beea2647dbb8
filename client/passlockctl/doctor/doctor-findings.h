/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <passlock.h>

#include "client/passlockctl/doctor/check-report.h"

/* Shows what the daemon has found itself of a tenancy, or with "" of none, each under the heading
 * of what it is about. `findings` may be NULL. Returns whether that was about the tenancy's
 * credential, which root is left to look at. */
bool doctor_show_findings(CheckReport *checks, const passlock_finding_list *findings,
                          const char *label);
