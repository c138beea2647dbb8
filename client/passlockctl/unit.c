/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "client/passlockctl/command.h"
#include "client/passlockctl/unit.h"

#define UNIT_FILES_MAX (64U * 1024)

/* Whether `text` has that line. */
static bool has_line(const char *text, const char *line)
{
        size_t len = strlen(line);

        for (const char *p = text; (p = strstr(p, line)); p += len)
                if ((p == text || p[-1] == '\n') && (p[len] == '\n' || p[len] == '\0'))
                        return true;
        return false;
}

UnitStart unit_last_start(void)
{
        static const char *const argv[] = {
                "systemctl", "show", "--property=LoadState,ActiveState,Result", UNIT, NULL,
        };
        char shown[512];

        if (command_read(argv, shown, sizeof(shown)) != 0)
                return UNIT_START_UNKNOWN;
        if (!has_line(shown, "LoadState=loaded"))
                return UNIT_START_NO_UNIT;
        if (has_line(shown, "ActiveState=failed") || !has_line(shown, "Result=success"))
                return UNIT_START_FAILED;
        return UNIT_START_GOOD;
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
