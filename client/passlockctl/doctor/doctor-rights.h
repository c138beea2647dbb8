/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <passlock.h>

#include "client/passlockctl/doctor/check-report.h"

/* What the caller may do: by grants, each with its methods and relying party ids, and by polkit.
 * `label` is NULL for any tenancy. Returns whether a grant opens it. */
bool doctor_check_rights(CheckReport *checks, passlock *client, const char *label);
