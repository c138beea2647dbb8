/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* The daemon's unit, as systemctl knows it. */
#define UNIT "passlockd.service"

/* For people: after some starts that failed a mere start is refused. */
#define UNIT_START_AGAIN "systemctl reset-failed passlockd; systemctl start passlockd"

typedef enum UnitStart {
        UNIT_START_UNKNOWN, /* there is no systemd to ask */
        UNIT_START_NO_UNIT,
        UNIT_START_MASKED,
        UNIT_START_GOOD,
        UNIT_START_FAILED,
        UNIT_START_NO_CREDENTIALS, /* systemd could not hand them over */
} UnitStart;

/* How its last start went. */
UnitStart unit_last_start(void);

/* What the daemon complained of last, to be given to free(). NULL if that cannot be known, for lack
 * of a journal or of the right to read it. */
char *unit_last_error(void);

/* The same, if it was that its configuration has a mistake, and it was not started or reloaded
 * since. */
char *unit_refused_configuration(void);

bool unit_is_active(void);

/* Has systemd look which credentials there are for it now, restarts it if it is running, and waits.
 * What systemctl says goes to standard error. */
bool unit_restart(void);

/* The setting that makes it load a credential. */
const char *unit_credential_setting(bool sealed);

/* Whether it has that, for this credential, from `path` or from where systemd looks by itself. True
 * if that cannot be known. */
bool unit_loads_credential(bool sealed, const char *name, const char *path);
