/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/secret.h"
#include "base/text.h"
#include "client/passlockctl/doctor/doctor.h"
#include "client/passlockctl/host/command.h"
#include "client/passlockctl/host/protection.h"
#include "client/passlockctl/host/systemd-unit.h"

#define STDERR_TEXT_MAX 512U
#define PROBLEM_MAX     (STDERR_TEXT_MAX + 512U)
#define USUAL_PREFIX    "passlock."

/* Keeps the last line, without the full stop. */
static void cut_to_last_line(char *text)
{
        size_t len = strlen(text);
        const char *line;

        while (len > 0 && strchr(".\n", text[len - 1]))
                text[--len] = '\0';
        line = strrchr(text, '\n');
        if (line)
                memmove(text, line + 1, strlen(line));
}

/* Runs systemd-creds for its exit status; discards the decrypted key. */
static bool can_decrypt(const char *id, const char *path, char problem[static PROBLEM_MAX])
{
        char name[300], stderr_text[STDERR_TEXT_MAX];
        int status;

        snprintf(name, sizeof(name), "--name=%s", id);
        status = command_read_stderr(
                (const char *const[]){"systemd-creds", "decrypt", name, path, "-", NULL},
                stderr_text, sizeof(stderr_text));
        if (status == 0)
                return true;
        cut_to_last_line(stderr_text);
        snprintf(problem, PROBLEM_MAX, "cannot be decrypted on this host%s%s",
                 *stderr_text ? ": " : "", stderr_text);
        return false;
}

/*
 * LoadCredentialEncrypted=ID also finds plain credentials, and fails to decrypt them. At
 * daemon-reload the generator corrects the setting.
 */
static bool is_misplaced(const CredentialSetting *setting, const char *path)
{
        return setting->sealed && !setting->path && credential_file_is_in_plain_place(path);
}

static bool is_usable(const CredentialSetting *setting, const char *path,
                      char problem[static PROBLEM_MAX])
{
        /* systemd ignores a missing file in its search path, but fails for a missing path. */
        if (access(path, R_OK) < 0) {
                snprintf(problem, PROBLEM_MAX, "is not readable, but named by %s:%u", setting->file,
                         setting->line);
                return !setting->path;
        }
        if (is_misplaced(setting, path)) {
                snprintf(problem, PROBLEM_MAX,
                         "is not encrypted, but the unit still loads it as encrypted");
                return false;
        }
        return !setting->sealed || can_decrypt(setting->id, path, problem);
}

unsigned credential_find_unusable(UnusableFunc found, void *userdata)
{
        _cleanup_(unit_credentials_freep) UnitCredentials *credentials =
                unit_credentials_new(KEY_HOLDER_UNIT);
        const CredentialSetting *setting;
        unsigned n = 0;

        for (size_t i = 0; credentials && (setting = unit_credentials_at(credentials, i)); i++) {
                _cleanup_(freep) char *path = credential_setting_file(setting);
                char problem[PROBLEM_MAX];

                if (setting->separate || !path || is_usable(setting, path, problem))
                        continue;
                found(setting, path, problem, userdata);
                n++;
        }
        return n;
}

/* Formats the set-key command for the tenancy whose credential has this default name. */
static void describe_set_key(const char *id, char text[static 128])
{
        bool other = strncmp(id, USUAL_PREFIX, strlen(USUAL_PREFIX)) == 0 &&
                     !streq(id, USUAL_PREFIX "default");

        snprintf(text, 128, "passlockctl %s%.40s%sset-key", other ? "--tenancy=" : "",
                 other ? id + strlen(USUAL_PREFIX) : "", other ? " " : "");
}

static void on_unusable(const CredentialSetting *setting, const char *path, const char *problem,
                        void *userdata)
{
        _cleanup_(freep) char *advice = NULL;
        char set_key[128];

        describe_set_key(setting->id, set_key);
        if (is_misplaced(setting, path))
                advice = strdup("as root: systemctl daemon-reload; " KEY_HOLDER_RESTART_COMMAND);
        else
                advice = text_format(
                        "as root: %s, which replaces the key; or, to start without the key: mv %s "
                        "/root; systemctl daemon-reload; " KEY_HOLDER_RESTART_COMMAND,
                        set_key, path);
        check_report_fault(userdata, "credential", advice ?: set_key, "%s %s", path, problem);
}

void doctor_check_unusable_credentials(CheckReport *checks)
{
        if (geteuid() != 0)
                check_report_fault(checks, "credential",
                                   "as root: passlockctl doctor, which reports the file",
                                   "systemd failed to load a credential of " KEY_HOLDER_UNIT
                                   ": it is missing, damaged, or encrypted on another host");
        else if (credential_find_unusable(on_unusable, checks) == 0)
                check_report_fault(checks, "credential", KEY_HOLDER_RESTART_COMMAND,
                                   "systemd failed to load the credentials of " KEY_HOLDER_UNIT
                                   " at its last start; now all of them can be decrypted");
}

/*
 * Validates the daemon's credential as the daemon does. Returns 0, or a negative errno if it is not
 * readable.
 */
static int validate_credential(const char *directory, const char *name, const char **ret_flaw)
{
        _cleanup_(secret_unrefp) Secret *key = NULL;
        _cleanup_(closep) int fd = -1;
        int r;

        fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        r = secret_read_key_at(fd, name, ret_flaw, &key);
        return *ret_flaw ? 0 : r;
}

static void report_missing(CheckReport *checks, const char *label, const char *name,
                           const char *advice)
{
        _cleanup_(unit_credentials_freep) UnitCredentials *credentials =
                unit_credentials_new(KEY_HOLDER_UNIT);
        const CredentialReset *reset =
                credentials ? unit_credentials_find_reset(credentials, name) : NULL;
        _cleanup_(freep) char *path = credential_file_anywhere(name);
        bool usual = strncmp(name, USUAL_PREFIX, strlen(USUAL_PREFIX)) == 0;

        if (!path)
                check_report_fault(checks, "credential", advice,
                                   "tenancy %s has no key: credential %s does not exist", label,
                                   name);
        else if (reset)
                check_report_fault(
                        checks, "credential",
                        "remove the setting; then, as root: systemctl "
                        "daemon-reload; " KEY_HOLDER_RESTART_COMMAND,
                        "tenancy %s has no key: %s exists, but an empty LoadCredential= "
                        "or LoadCredentialEncrypted= in %s:%u keeps it from being loaded",
                        label, path, reset->file, reset->line);
        else
                check_report_fault(
                        checks, "credential",
                        usual ? "as root: systemctl daemon-reload; " KEY_HOLDER_RESTART_COMMAND
                              : "as root: passlockctl set-key, which reports the missing setting",
                        "tenancy %s has no key: %s exists, but " KEY_HOLDER_UNIT
                        " was started without it",
                        label, path);
}

/* A sealed key is read as an empty line if it cannot be decrypted. */
static void report_unsealed(CheckReport *checks, const char *label, const char *name,
                            const CredentialSetting *setting, const char *advice)
{
        _cleanup_(freep) char *path = credential_setting_file(setting);
        char problem[PROBLEM_MAX];

        if (!path || access(path, F_OK) < 0)
                report_missing(checks, label, name, advice);
        else if (!can_decrypt(name, path, problem))
                check_report_fault(checks, "credential", advice, "tenancy %s has no key: %s %s",
                                   label, path, problem);
        else
                check_report_fault(
                        checks, "credential", "as root: " KEY_HOLDER_RESTART_COMMAND,
                        "tenancy %s has no key: %s is empty, or could not be decrypted at the last "
                        "start of " KEY_HOLDER_UNIT ", but can be now",
                        label, path);
}

static void report_flaw(CheckReport *checks, const char *label, const char *name, const char *flaw,
                        const char *advice)
{
        _cleanup_(unit_credentials_freep) UnitCredentials *credentials =
                unit_credentials_new(KEY_HOLDER_UNIT);
        const CredentialSetting *setting =
                credentials ? unit_credentials_find(credentials, name) : NULL;
        _cleanup_(freep) char *path = setting ? credential_setting_file(setting) : NULL;

        if (setting && setting->separate && streq(flaw, secret_key_flaw("", 0))) {
                report_unsealed(checks, label, name, setting, advice);
                return;
        }
        /* For LoadCredential=, systemd 257 finds encrypted files as well, and does not decrypt
         * them. */
        if (path && !setting->path && !setting->sealed && access(path, F_OK) < 0) {
                report_missing(checks, label, name, advice);
                return;
        }
        check_report_fault(checks, "credential", advice,
                           "tenancy %s has no key: the credential %s%s%s%s %s", label, name,
                           path ? ", from " : "", path ?: "", path ? "," : "", flaw);
}

static void report_unconfigured(CheckReport *checks, const char *label, const char *name,
                                const char *directory, const char *advice)
{
        const char *flaw = NULL;
        int r = -ENOENT;

        if (directory && protect_memory() == 0)
                r = validate_credential(directory, name, &flaw);
        if (r == -ENOENT)
                report_missing(checks, label, name, advice);
        else if (r < 0)
                check_report_fault(checks, "credential", advice,
                                   "tenancy %s has no key: %s/%s is not readable", label, directory,
                                   name);
        else if (flaw)
                report_flaw(checks, label, name, flaw, advice);
        else
                check_report_fault(checks, "credential", "as root: passlockctl reload",
                                   "tenancy %s has no key, but the credential %s is valid now",
                                   label, name);
}

void doctor_check_credential(CheckReport *checks, const passlock_tenancy *tenancy,
                             const DaemonEnvironment *environment, const char *advice)
{
        const char *label = passlock_tenancy_get_label(tenancy);
        const char *name = passlock_tenancy_get_credential(tenancy);
        const char *directory = daemon_environment_get(environment, "CREDENTIALS_DIRECTORY");

        if (!streq(passlock_tenancy_get_state(tenancy), "unconfigured"))
                check_report_ok(checks, "credential", "tenancy %s has a key", label);
        else if (geteuid() == 0 && name)
                report_unconfigured(checks, label, name, directory, advice);
        else
                check_report_fault(checks, "credential", advice, "tenancy %s has no key", label);
}
