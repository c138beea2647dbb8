/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <ctype.h>
#include <stdio.h>

#include "base/strv.h"
#include "client/passlockctl/host/command.h"
#include "client/passlockctl/host/daemon-environment.h"
#include "client/passlockctl/host/http-proxy.h"
#include "client/passlockctl/host/system-bus.h"
#include "client/passlockctl/host/systemd-unit.h"

#define OUTPUT_MAX (64U * 1024)

struct DaemonEnvironment {
        char **variables; /* NAME=value; the last duplicate counts */
        bool is_ours;
};

/* Reads a file; the size excludes the final NUL. NULL on failure. */
static char *read_file(const char *path, size_t *ret_size)
{
        _cleanup_(freep) char *content = malloc(OUTPUT_MAX);
        FILE *file = fopen(path, "re");

        if (!file || !content) {
                if (file)
                        fclose(file);
                return NULL;
        }
        *ret_size = fread(content, 1, OUTPUT_MAX - 1, file);
        fclose(file);
        content[*ret_size] = '\0';
        return TAKE_PTR(content);
}

static pid_t find_daemon(void)
{
        _cleanup_(system_bus_freep) SystemBus *bus = system_bus_new(SYSTEM_BUS_TIMEOUT_MS);

        return bus && system_bus_has_service(bus) ? system_bus_service_process(bus) : 0;
}

/* Only root can read another user's /proc/PID/environ. */
static bool read_process(DaemonEnvironment *environment, pid_t pid)
{
        _cleanup_(freep) char *content = NULL;
        size_t size = 0;
        char path[64];

        if (pid <= 0)
                return false;
        snprintf(path, sizeof(path), "/proc/%d/environ", (int) pid);
        content = read_file(path, &size);
        if (!content)
                return false;
        for (const char *variable = content; variable < content + size;
             variable += strlen(variable) + 1)
                (void) strv_push(&environment->variables, variable);
        return true;
}

/* Parses the next word of systemctl's output: quoted, with backslash escapes, if it has spaces. */
static bool next_word(const char **text, char *word, size_t size)
{
        const char *p = *text + strspn(*text, " ");
        bool quoted = false;
        size_t len = 0;

        if (!*p || *p == '\n')
                return false;
        for (; *p && *p != '\n' && (quoted || *p != ' '); p++) {
                if (*p == '"')
                        quoted = !quoted;
                else {
                        if (*p == '\\' && p[1])
                                p++;
                        if (len < size - 1)
                                word[len++] = *p;
                }
        }
        word[len] = '\0';
        *text = p;
        return true;
}

/* Parses an environment file, see EnvironmentFile= in systemd.exec(5). */
static void read_variables(DaemonEnvironment *environment, char *lines)
{
        char *line;

        while ((line = strsep(&lines, "\n"))) {
                char *value = strchr(line, '=');
                size_t len;

                line += strspn(line, " \t");
                if (!value || *line == '#' || *line == ';')
                        continue;
                len = strlen(value);
                while (len > 1 && isspace((unsigned char) value[len - 1]))
                        value[--len] = '\0';
                if (len > 2 && strchr("\"'", value[1]) && value[len - 1] == value[1]) {
                        value[len - 1] = '\0';
                        memmove(value + 1, value + 2, len - 2);
                }
                (void) strv_push(&environment->variables, line);
        }
}

/* Reads an environment file, shown as "/path (ignore_errors=yes)". */
static void read_variables_of(DaemonEnvironment *environment, const char *shown)
{
        _cleanup_(freep) char *path = strndup(shown, strcspn(shown, " \n")), *content = NULL;
        size_t size = 0;

        content = path ? read_file(path, &size) : NULL;
        if (content)
                read_variables(environment, content);
}

static void read_shown(DaemonEnvironment *environment, const char *shown)
{
        char word[4096];

        for (const char *line = shown; *line; line += strcspn(line, "\n"), line += *line == '\n') {
                const char *rest = line + strlen("Environment=");

                if (strncmp(line, "Environment=", strlen("Environment=")) == 0)
                        while (next_word(&rest, word, sizeof(word)))
                                (void) strv_push(&environment->variables, word);
        }
        for (const char *line = shown; *line; line += strcspn(line, "\n"), line += *line == '\n')
                if (strncmp(line, "EnvironmentFiles=", strlen("EnvironmentFiles=")) == 0)
                        read_variables_of(environment, line + strlen("EnvironmentFiles="));
}

/* Reads the manager's environment, then the unit's. */
static bool read_unit(DaemonEnvironment *environment, const char *unit)
{
        const char *const of_unit[] = {
                "systemctl", "show", "--property=LoadState,Environment,EnvironmentFiles",
                unit,        NULL,
        };
        static const char *const of_manager[] = {"systemctl", "show-environment", NULL};
        _cleanup_(freep) char *shown = malloc(OUTPUT_MAX), *inherited = malloc(OUTPUT_MAX);

        if (!shown || !inherited || command_read_stdout(of_unit, shown, OUTPUT_MAX) != 0 ||
            !strstr(shown, "LoadState=loaded"))
                return false;
        if (command_read_stdout(of_manager, inherited, OUTPUT_MAX) == 0)
                read_variables(environment, inherited);
        read_shown(environment, shown);
        return true;
}

DaemonEnvironment *daemon_environment_new(void)
{
        DaemonEnvironment *environment = calloc(1, sizeof(DaemonEnvironment));

        if (environment && !read_process(environment, find_daemon()) &&
            !read_unit(environment, UNIT))
                environment->is_ours = true;
        return environment;
}

/* A child of the daemon has the environment of the daemon. */
DaemonEnvironment *daemon_environment_new_for_keys(void)
{
        DaemonEnvironment *environment = calloc(1, sizeof(DaemonEnvironment));

        if (!environment || read_process(environment, systemd_unit_main_process(KEY_HOLDER_UNIT)) ||
            (systemd_unit_is_active(UNIT) && read_unit(environment, KEY_HOLDER_UNIT)))
                return environment;
        daemon_environment_free(environment);
        return daemon_environment_new();
}

DaemonEnvironment *daemon_environment_free(DaemonEnvironment *environment)
{
        if (!environment)
                return NULL;
        strv_free(environment->variables);
        free(environment);
        return NULL;
}

const char *daemon_environment_get(const DaemonEnvironment *environment, const char *name)
{
        size_t len = strlen(name);
        const char *found = NULL;

        if (environment->is_ours)
                return getenv(name);
        for (char **v = environment->variables; v && *v; v++)
                if (strncmp(*v, name, len) == 0 && (*v)[len] == '=')
                        found = *v + len + 1;
        return found;
}

const char *daemon_environment_find_proxy(const DaemonEnvironment *environment,
                                          const char *endpoint)
{
        static const char *const names[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
        const char *proxy = NULL, *no_proxy;

        /* Plain HTTP is for loopback only and uses no proxy. */
        if (strncmp(endpoint, "https://", 8) != 0)
                return NULL;
        no_proxy = daemon_environment_get(environment, "no_proxy")
                           ?: daemon_environment_get(environment, "NO_PROXY");
        for (size_t i = 0; isempty(proxy) && i < ARRAY_SIZE(names); i++)
                proxy = daemon_environment_get(environment, names[i]);
        return !isempty(proxy) && http_uses_proxy(endpoint, no_proxy) ? proxy : NULL;
}

char *proxy_host_and_port(const char *proxy)
{
        const char *host = strstr(proxy, "://"), *at;

        host = host ? host + 3 : proxy;
        at = strrchr(host, '@');
        host = at ? at + 1 : host;
        return strndup(host, strcspn(host, "/"));
}
