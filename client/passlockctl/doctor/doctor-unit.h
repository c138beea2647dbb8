/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "client/passlockctl/doctor/check-report.h"

/*
 * Checks the unit's last start and its configuration. Returns whether calling the daemon makes
 * sense.
 */
bool doctor_check_unit(CheckReport *checks);
