/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "client/libpasslock/transport/client.h"

/* Events of the client's connection, for all its monitors. */
void monitors_on_ready(passlock *client);
void monitors_on_lost(passlock *client);
void monitors_on_owner_changed(passlock *client);
void monitors_on_signal(passlock *client, sd_bus_message *m);
bool monitors_want_bus(passlock *client);
bool monitors_deliver_one(passlock *client);
void monitors_free(passlock *client);
