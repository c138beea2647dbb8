/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "client/passlockctl/command.h"
#include "client/passlockctl/unit.h"
#include "dbus/event.h"

#define UNIT_FILES_MAX     (64U * 1024)
#define MESSAGE_MAX        4096U
#define STATUS_CREDENTIALS "243" /* see systemd.exec(5) */

/* How long a start or a stop that goes on is waited for. */
#define LOOKS_MAX     100U
#define LOOK_PAUSE_US 100000U

/* Whether `text` has that line. */
static bool has_line(const char *text, const char *line)
{
        size_t len = strlen(line);

        for (const char *p = text; (p = strstr(p, line)); p += len)
                if ((p == text || p[-1] == '\n') && (p[len] == '\n' || p[len] == '\0'))
                        return true;
        return false;
}

/* Between two attempts of a start the result is known; within one it is not. */
static bool is_unsettled(const char *shown)
{
        return has_line(shown, "Result=success") && (has_line(shown, "ActiveState=activating") ||
                                                     has_line(shown, "ActiveState=deactivating"));
}

UnitStart unit_last_start(void)
{
        static const char *const argv[] = {
                "systemctl", "show", "--property=LoadState,ActiveState,Result,ExecMainStatus",
                UNIT,        NULL,
        };
        char shown[512];

        for (unsigned i = 0; i < LOOKS_MAX; i++) {
                if (command_read(argv, shown, sizeof(shown)) != 0)
                        return UNIT_START_UNKNOWN;
                if (!is_unsettled(shown))
                        break;
                usleep(LOOK_PAUSE_US);
        }
        if (has_line(shown, "LoadState=masked") && !has_line(shown, "ActiveState=active"))
                return UNIT_START_MASKED;
        if (!has_line(shown, "LoadState=loaded"))
                return UNIT_START_NO_UNIT;
        if (!has_line(shown, "ActiveState=failed") && has_line(shown, "Result=success"))
                return UNIT_START_GOOD;
        return has_line(shown, "ExecMainStatus=" STATUS_CREDENTIALS) ? UNIT_START_NO_CREDENTIALS
                                                                     : UNIT_START_FAILED;
}

#define OF_UNIT "_SYSTEMD_UNIT=" UNIT

/* The last message that `matches`, up to four beside the unit, select. */
static char *last_message(const char *const matches[])
{
        const char *argv[12] = {"journalctl",   "--quiet",   "--no-pager", "--boot",
                                "--output=cat", "--lines=1", OF_UNIT};
        _cleanup_(freep) char *message = malloc(MESSAGE_MAX);

        for (size_t n = 7, i = 0; matches[i]; i++)
                argv[n++] = matches[i];
        if (!message || command_read(argv, message, MESSAGE_MAX) != 0)
                return NULL;
        message[strcspn(message, "\n")] = '\0';
        return *message ? TAKE_PTR(message) : NULL;
}

char *unit_last_error(void)
{
        return last_message((const char *const[]){"--priority=err", NULL});
}

char *unit_refused_configuration(void)
{
        char refused[64], loaded[64], started[64];
        _cleanup_(freep) char *message = NULL;
        const char *text = event_text(EVENT_CONFIGURATION_REFUSED);

        snprintf(refused, sizeof(refused), "MESSAGE_ID=%s",
                 event_message_id(EVENT_CONFIGURATION_REFUSED));
        snprintf(loaded, sizeof(loaded), "MESSAGE_ID=%s",
                 event_message_id(EVENT_CONFIGURATION_LOADED));
        snprintf(started, sizeof(started), "MESSAGE_ID=%s", event_message_id(EVENT_STARTED));
        message = last_message((const char *const[]){refused, loaded, started, NULL});
        return message && strncmp(message, text, strlen(text)) == 0 ? TAKE_PTR(message) : NULL;
}

bool unit_is_active(void)
{
        static const char *const argv[] = {"systemctl", "is-active", "--quiet", UNIT, NULL};

        return command_run(argv, -1, -1, -1) == 0;
}

bool unit_restart(void)
{
        static const char *const reload[] = {"systemctl", "daemon-reload", NULL};
        static const char *const restart[] = {"systemctl", "try-restart", UNIT, NULL};

        return command_run(reload, -1, STDERR_FILENO, STDERR_FILENO) == 0 &&
               command_run(restart, -1, STDERR_FILENO, STDERR_FILENO) == 0;
}

const char *unit_credential_setting(bool sealed)
{
        return sealed ? "LoadCredentialEncrypted" : "LoadCredential";
}

/* `from` is NULL for a setting that names none. */
static bool has_setting(const char *files, bool sealed, const char *name, const char *from)
{
        const char *setting = unit_credential_setting(sealed);
        char line[4096];
        int n;

        n = snprintf(line, sizeof(line), "%s=%s%s%s", setting, name, from ? ":" : "", from ?: "");
        return n > 0 && n < (int) sizeof(line) && has_line(files, line);
}

bool unit_loads_credential(bool sealed, const char *name, const char *path)
{
        static const char *const argv[] = {"systemctl", "cat", UNIT, NULL};
        _cleanup_(freep) char *files = malloc(UNIT_FILES_MAX);

        if (!files || command_read(argv, files, UNIT_FILES_MAX) != 0)
                return true;
        return has_setting(files, sealed, name, NULL) || has_setting(files, sealed, name, name) ||
               has_setting(files, sealed, name, path);
}
