/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "client/passlockctl/host/command.h"
#include "client/passlockctl/host/systemd-unit.h"
#include "dbus/event.h"

#define MESSAGE_MAX        4096U
#define STATUS_CREDENTIALS "243" /* see systemd.exec(5) */

/* Limits the wait for a start or stop in progress. */
#define LOOKS_MAX     100U
#define LOOK_PAUSE_US 100000U

static bool has_line(const char *text, const char *line)
{
        size_t len = strlen(line);

        for (const char *p = text; (p = strstr(p, line)); p += len)
                if ((p == text || p[-1] == '\n') && (p[len] == '\n' || p[len] == '\0'))
                        return true;
        return false;
}

/* Whether a start or stop is in progress. Between two start attempts the result is known. */
static bool is_unsettled(const char *shown)
{
        return has_line(shown, "Result=success") && (has_line(shown, "ActiveState=activating") ||
                                                     has_line(shown, "ActiveState=deactivating"));
}

static bool show(const char *unit, char *shown, size_t size)
{
        const char *const argv[] = {
                "systemctl",
                "show",
                "--property=LoadState,ActiveState,Result,ExecMainStatus,"
                "ExecMainExitTimestampMonotonic,Job,MainPID",
                unit,
                NULL,
        };

        return command_read_stdout(argv, shown, size) == 0;
}

/* Parses the number of a property; 0 if missing. */
static uint64_t number_of(const char *shown, const char *name)
{
        size_t len = strlen(name);

        for (const char *line = shown; *line; line += strcspn(line, "\n"), line += *line == '\n')
                if (strncmp(line, name, len) == 0)
                        return strtoull(line + len, NULL, 10);
        return 0;
}

UnitProgress systemd_unit_get_progress(uint64_t since_us, uint64_t *last_failure_us)
{
        char shown[512];
        uint64_t ended_us;

        if (!show(UNIT, shown, sizeof(shown)) || !has_line(shown, "LoadState=loaded"))
                return UNIT_STARTS;
        ended_us = number_of(shown, "ExecMainExitTimestampMonotonic=");
        if (has_line(shown, "ActiveState=failed") && number_of(shown, "Job=") == 0)
                return ended_us > since_us ? UNIT_FAILED : UNIT_FAILED_BEFORE;
        if (has_line(shown, "Result=success") || ended_us <= since_us)
                return UNIT_STARTS;
        /* systemd restarts the unit after the first failure; a second failure is final. */
        if (*last_failure_us > 0 && *last_failure_us != ended_us)
                return UNIT_FAILED;
        *last_failure_us = ended_us;
        return UNIT_STARTS;
}

UnitStart systemd_unit_last_start(const char *unit)
{
        char shown[512];

        for (unsigned i = 0; i < LOOKS_MAX; i++) {
                if (!show(unit, shown, sizeof(shown)))
                        return UNIT_START_UNKNOWN;
                if (!is_unsettled(shown))
                        break;
                usleep(LOOK_PAUSE_US);
        }
        if (has_line(shown, "LoadState=masked") && !has_line(shown, "ActiveState=active"))
                return UNIT_START_MASKED;
        if (!has_line(shown, "LoadState=loaded"))
                return UNIT_START_NO_UNIT;
        if (is_unsettled(shown))
                return UNIT_START_PENDING;
        if (!has_line(shown, "ActiveState=failed") && has_line(shown, "Result=success"))
                return UNIT_START_GOOD;
        return has_line(shown, "ExecMainStatus=" STATUS_CREDENTIALS) ? UNIT_START_NO_CREDENTIALS
                                                                     : UNIT_START_FAILED;
}

/* Returns the unit's last journal message that has up to four more fields. */
static char *last_message(const char *unit, const char *const matches[])
{
        char of_unit[128];
        const char *argv[12] = {"journalctl",   "--quiet",   "--no-pager", "--boot",
                                "--output=cat", "--lines=1", of_unit};
        _cleanup_(freep) char *message = malloc(MESSAGE_MAX);

        snprintf(of_unit, sizeof(of_unit), "_SYSTEMD_UNIT=%s", unit);

        for (size_t n = 7, i = 0; matches[i]; i++)
                argv[n++] = matches[i];
        if (!message || command_read_stdout(argv, message, MESSAGE_MAX) != 0)
                return NULL;
        message[strcspn(message, "\n")] = '\0';
        return *message ? TAKE_PTR(message) : NULL;
}

char *systemd_unit_last_error(const char *unit)
{
        return last_message(unit, (const char *const[]){"--priority=err", NULL});
}

char *systemd_unit_configuration_error(void)
{
        char refused[64], loaded[64], started[64];
        _cleanup_(freep) char *message = NULL;
        const char *text = event_text(EVENT_CONFIGURATION_REFUSED);

        snprintf(refused, sizeof(refused), "MESSAGE_ID=%s",
                 event_message_id(EVENT_CONFIGURATION_REFUSED));
        snprintf(loaded, sizeof(loaded), "MESSAGE_ID=%s",
                 event_message_id(EVENT_CONFIGURATION_LOADED));
        snprintf(started, sizeof(started), "MESSAGE_ID=%s", event_message_id(EVENT_STARTED));
        message = last_message(UNIT, (const char *const[]){refused, loaded, started, NULL});
        return message && strncmp(message, text, strlen(text)) == 0 ? TAKE_PTR(message) : NULL;
}

bool systemd_unit_is_masked(const char *unit)
{
        char shown[512];

        return show(unit, shown, sizeof(shown)) && has_line(shown, "LoadState=masked") &&
               !has_line(shown, "ActiveState=active");
}

pid_t systemd_unit_main_process(const char *unit)
{
        char shown[512];

        return show(unit, shown, sizeof(shown)) ? (pid_t) number_of(shown, "MainPID=") : 0;
}

bool systemd_unit_is_active(const char *unit)
{
        const char *const argv[] = {"systemctl", "is-active", unit, NULL};
        char state[64];

        for (unsigned i = 0; i < LOOKS_MAX; i++) {
                if (command_read_stdout(argv, state, sizeof(state)) == 0)
                        return true;
                if (!has_line(state, "activating"))
                        return false;
                usleep(LOOK_PAUSE_US);
        }
        return false;
}

bool systemd_daemon_reload(void)
{
        static const char *const argv[] = {"systemctl", "daemon-reload", NULL};

        return command_run(argv, -1, STDERR_FILENO, STDERR_FILENO) == 0;
}

bool systemd_unit_restart(const char *unit)
{
        const char *const reset[] = {"systemctl", "reset-failed", unit, NULL};
        const char *const restart[] = {"systemctl", "restart", unit, NULL};

        /* Resets the start rate limit. */
        (void) command_run(reset, -1, -1, -1);
        return command_run(restart, -1, -1, -1) == 0;
}
