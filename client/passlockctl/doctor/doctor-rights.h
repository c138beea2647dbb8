/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "client/passlockctl/doctor/check-report.h"
#include "client/passlockctl/invocation.h"

/*
 * Reports the caller's permissions by grants and by polkit. `label` is NULL for any tenancy.
 * Returns whether a grant gives access.
 */
bool doctor_check_rights(CheckReport *checks, passlock *client, const char *label);
