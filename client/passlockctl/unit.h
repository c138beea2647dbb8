/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* The daemon's unit, as systemctl knows it. */
#define UNIT "passlockd.service"

typedef enum UnitStart {
        UNIT_START_UNKNOWN, /* there is no systemd to ask */
        UNIT_START_NO_UNIT,
        UNIT_START_GOOD,
        UNIT_START_FAILED,
} UnitStart;

/* How its last start went. */
UnitStart unit_last_start(void);

bool unit_is_active(void);

/* Has systemd look which credentials there are for it now, restarts it if it is running, and waits.
 * What systemctl says goes to standard error. */
bool unit_restart(void);

/* The setting that makes it load a credential. */
const char *unit_credential_setting(bool sealed);

/* Whether it has that, for this credential, from `path` or from where systemd looks by itself. True
 * if that cannot be known. */
bool unit_loads_credential(bool sealed, const char *name, const char *path);
