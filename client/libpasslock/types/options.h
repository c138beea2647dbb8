/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "base/macro.h"
#include "client/libpasslock/passlock.h"

DEFINE_CLEANUP(passlock_options *, passlock_options_unref);

/* Copies options; NULL becomes an empty set. Returns 0 or -ENOMEM. */
int options_copy(const passlock_options *options, passlock_options **ret);

bool options_have(const passlock_options *options, const char *name);

/* Appends an a{sv}; NULL is an empty one. Returns 0 or a negative errno. */
int options_append(const passlock_options *options, sd_bus_message *m);
