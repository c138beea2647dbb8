/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

/* Manager.ProveKey */
int bus_method_prove_key(sd_bus_message *m, void *userdata, sd_bus_error *error);
