/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/bus/dispatch/request.h"

/* Runs Links.Import. */
int run_import(Request *request, sd_bus_message *m);
