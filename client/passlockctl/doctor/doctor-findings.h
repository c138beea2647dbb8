/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <passlock.h>

#include "client/passlockctl/doctor/check-report.h"

/*
 * Reports the daemon's own findings about a tenancy, or with "" about no tenancy. `findings` may be
 * NULL. Returns whether the tenancy's credential was reported, which for root is checked here
 * instead.
 */
bool doctor_show_findings(CheckReport *checks, const passlock_finding_list *findings,
                          const char *label);
