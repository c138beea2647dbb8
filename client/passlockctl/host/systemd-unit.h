/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* The units, queried with systemctl and journalctl. */
#define UNIT              "passlockd.service"
#define KEY_HOLDER_UNIT   "passlock-keyholder.service"
#define KEY_HOLDER_SOCKET "passlock-keyholder.socket"

/* For advice in messages. */
#define UNIT_RESTART_COMMAND       "systemctl restart passlockd"
#define KEY_HOLDER_RESTART_COMMAND "systemctl restart passlock-keyholder"

typedef enum UnitStart {
        UNIT_START_UNKNOWN, /* systemctl failed */
        UNIT_START_NO_UNIT,
        UNIT_START_MASKED,
        UNIT_START_GOOD,
        UNIT_START_PENDING, /* still starting or stopping */
        UNIT_START_FAILED,
        UNIT_START_NO_CREDENTIALS, /* systemd could not load a credential */
} UnitStart;

/* Result of a unit's last start. */
UnitStart systemd_unit_last_start(const char *unit);

typedef enum UnitProgress {
        UNIT_STARTS,        /* starting, about to start, or unknown */
        UNIT_FAILED_BEFORE, /* failed before; a new attempt is not visible yet */
        UNIT_FAILED,
} UnitProgress;

/*
 * Progress of the daemon's start requested at `since_us` on the monotonic clock. Poll it with the
 * same `last_failure_us`, initially 0, which stores the time of the first failed attempt; the
 * second failure is final.
 */
UnitProgress systemd_unit_get_progress(uint64_t since_us, uint64_t *last_failure_us);

/*
 * The last error message of a unit's processes in the journal. Free with free(). NULL if the
 * journal is missing or not readable.
 */
char *systemd_unit_last_error(const char *unit);

/* The daemon's last error message if it is an invalid configuration, and the daemon has not started
 * or reloaded since; else NULL. */
char *systemd_unit_configuration_error(void);

/* Waits for a unit that is activating. */
bool systemd_unit_is_active(const char *unit);
bool systemd_unit_is_masked(const char *unit);

/* The main process; 0 if there is none, or systemctl fails. */
pid_t systemd_unit_main_process(const char *unit);

/* systemctl daemon-reload, which runs generators. Output goes to standard error. */
bool systemd_daemon_reload(void);

/* systemctl restart: waits until the unit is active or failed. */
bool systemd_unit_restart(const char *unit);
