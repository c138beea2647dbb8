/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "client/passlockctl/doctor/check-report.h"

/* Checks how the unit was started, and with which configuration. Returns whether there is any use
 * in asking the daemon. */
bool doctor_check_unit(CheckReport *checks);
