/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* The daemon's unit, as systemctl knows it. */
#define UNIT "passlockd.service"

/* For people. */
#define UNIT_RESTART_COMMAND "systemctl restart passlockd"

typedef enum UnitStart {
        UNIT_START_UNKNOWN, /* there is no systemd to ask */
        UNIT_START_NO_UNIT,
        UNIT_START_MASKED,
        UNIT_START_GOOD,
        UNIT_START_FAILED,
        UNIT_START_NO_CREDENTIALS, /* systemd could not hand them over */
} UnitStart;

/* How its last start went. */
UnitStart systemd_unit_last_start(void);

typedef enum UnitProgress {
        UNIT_STARTS,        /* or is about to, or nothing is known */
        UNIT_FAILED_BEFORE, /* in an earlier attempt; of a new one nothing is to be seen yet */
        UNIT_FAILED,
} UnitProgress;

/* How a start goes that was asked for at `since_us`, on the monotonic clock. To be called again and
 * again: `last_failure_us`, 0 at first, keeps when an attempt has failed; the second one counts. */
UnitProgress systemd_unit_get_progress(uint64_t since_us, uint64_t *last_failure_us);

/* What the daemon complained of last, to be given to free(). NULL if that cannot be known, for lack
 * of a journal or of the right to read it. */
char *systemd_unit_last_error(void);

/* The same, if it was that its configuration has a mistake, and it was not started or reloaded
 * since. */
char *systemd_unit_configuration_error(void);

bool systemd_unit_is_active(void);
bool systemd_unit_is_masked(void);

/* Has systemd look which credentials and settings there are for it now. What systemctl says goes to
 * standard error. */
bool systemd_daemon_reload(void);

/* Starts it anew, and waits until it is up or has failed. */
bool systemd_unit_restart(void);
