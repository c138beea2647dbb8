/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/bus/dispatch/bus-state.h"

extern const sd_bus_vtable manager_vtable[]; /* userdata: Bus */
extern const sd_bus_vtable tenancy_vtable[]; /* userdata: BusTenancy, also for the following */
extern const sd_bus_vtable links_vtable[];
extern const sd_bus_vtable vault_vtable[];
extern const sd_bus_vtable mailbox_vtable[];
