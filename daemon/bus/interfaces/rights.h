/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

/* Manager.ListRights */
int bus_method_list_rights(sd_bus_message *m, void *userdata, sd_bus_error *error);
