/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>

#include "client/passlockctl/doctor/doctor.h"
#include "client/passlockctl/host/systemd-unit.h"
#include "client/passlockctl/set-key/key-change.h"
#include "client/passlockctl/terminal/report.h"
#include "dbus/key-proof.h"

#define NONCE_BYTES  32U
#define USUAL_PREFIX "passlock."

/*
 * ---- The unit's settings ---------------------------------------------------------------------
 */

static const char *wanted_setting(const KeyChange *change)
{
        return change->invocation->plain ? "LoadCredential" : "LoadCredentialEncrypted";
}

static bool is_generated(const KeyChange *change)
{
        return !change->invocation->store_dir &&
               strncmp(change->name, USUAL_PREFIX, strlen(USUAL_PREFIX)) == 0;
}

/* Whether the setting loads the new file, now or after daemon-reload. */
static bool loads_new_file(const KeyChange *change, const CredentialSetting *setting)
{
        return setting->source == CREDENTIAL_LOADED &&
               setting->sealed == !change->invocation->plain &&
               (!setting->path || streq(setting->path, change->path));
}

/* Whether ImportCredential= finds the new file. */
static bool is_imported(const KeyChange *change, const CredentialSetting *setting)
{
        return setting && setting->source == CREDENTIAL_IMPORTED && !change->invocation->store_dir;
}

/* Whether the generator's drop-in will override the setting. */
static bool will_be_overridden(const KeyChange *change, const CredentialSetting *setting)
{
        const char *slash = strrchr(setting->file, '/');

        return setting->generated || setting->source != CREDENTIAL_LOADED ||
               (is_generated(change) && slash && strcmp(slash + 1, GENERATED_DROP_IN) < 0);
}

static int report_conflict(const CredentialSetting *setting, const char *consequence)
{
        report("%s:%u: %s=%s%s%s takes precedence over the new key; %s", setting->file,
               setting->line, setting->setting, setting->id, setting->path ? ":" : "",
               setting->path ?: "", consequence);
        return EXIT_OURS;
}

static int check_settings(const KeyChange *change)
{
        _cleanup_(unit_credentials_freep) UnitCredentials *credentials =
                unit_credentials_new(KEY_HOLDER_UNIT);
        const CredentialSetting *setting;
        const CredentialReset *reset;

        if (!credentials)
                return 0;
        setting = unit_credentials_find(credentials, change->name);
        if (setting && !loads_new_file(change, setting) && !will_be_overridden(change, setting))
                return report_conflict(setting, "remove the setting first; nothing was changed");
        reset = is_generated(change) ? unit_credentials_find_reset(credentials, change->name)
                                     : NULL;
        if (!reset)
                return 0;
        report("%s:%u: an empty LoadCredential= or LoadCredentialEncrypted= keeps the new key from "
               "being loaded; remove the setting first; nothing was changed",
               reset->file, reset->line);
        return EXIT_OURS;
}

typedef struct Others {
        const KeyChange *change;
        unsigned n_unusable;
} Others;

static void on_unusable(const CredentialSetting *setting _unused_, const char *path,
                        const char *problem, void *userdata)
{
        Others *others = userdata;

        /* Skip the file that the new key replaces, and plain files, which daemon-reload fixes. */
        if (streq(path, others->change->path) || credential_file_is_in_plain_place(path))
                return;
        others->n_unusable++;
        report("%s %s, so " KEY_HOLDER_UNIT
               " would fail to restart; move the file away first; nothing was changed",
               path, problem);
}

/* A restart would fail if a credential of an administrator's own setting cannot be loaded. */
static int check_other_credentials(const KeyChange *change)
{
        Others others = {.change = change};

        if (geteuid() == 0)
                (void) credential_find_unusable(on_unusable, &others);
        return others.n_unusable > 0 ? EXIT_OURS : 0;
}

int key_check_sources(KeyChange *change)
{
        _cleanup_(freep) char *before = NULL;
        int status;

        /* Without systemd no setting can conflict. */
        if (!systemd_unit_is_active(UNIT))
                return 0;
        status = check_settings(change);
        if (status != 0)
                return status;
        if (!change->invocation->store_dir)
                before = credential_file_before(change->name, !change->invocation->plain,
                                                change->path);
        /* credential_store() removes an encrypted credential in /etc when it stores a plain one. */
        if (before && strncmp(before, "/etc/", strlen("/etc/")) != 0) {
                report("%s takes precedence over %s; remove it first; nothing was changed", before,
                       change->path);
                return EXIT_OURS;
        }
        return check_other_credentials(change);
}

/* After daemon-reload: checks that the unit will load the new file. */
static int check_unit(const KeyChange *change)
{
        _cleanup_(unit_credentials_freep) UnitCredentials *credentials =
                unit_credentials_new(KEY_HOLDER_UNIT);
        const CredentialSetting *setting;

        if (!credentials)
                return 0;
        setting = unit_credentials_find(credentials, change->name);
        if (is_imported(change, setting))
                return 0;
        if (!setting || setting->source == CREDENTIAL_IMPORTED) {
                report("The key is stored as %s, but " KEY_HOLDER_UNIT
                       " does not load it: passlock-credentials-generator did not run; add a "
                       "drop-in with %s=%s:%s, and repeat this command",
                       change->path, wanted_setting(change), change->name, change->path);
                return EXIT_OURS;
        }
        if (loads_new_file(change, setting) && (setting->path || !change->invocation->store_dir))
                return 0;
        return report_conflict(setting, "the key is stored, but not in use");
}

static int reload_daemon(const KeyChange *change, const char *failure)
{
        passlock *client = change->invocation->client;
        int r;

        r = passlock_reload(client);
        if (r != 0)
                report("The key is stored as %s, but %s:", change->path, failure);
        return report_call(client, r);
}

static int report_key_holder_faults(void)
{
        _cleanup_(check_report_freep) CheckReport *checks =
                check_report_new(CHECK_REPORT_FAULTS_ONLY);

        if (checks)
                (void) doctor_check_key_holder(checks, NULL);
        return EXIT_OURS;
}

/*
 * Restarts the key holder, because systemd does not reload credentials. The daemon completes the
 * reload when it has connected to the new key holder.
 */
static int restart_unit(const KeyChange *change)
{
        int status;

        if (!systemd_daemon_reload()) {
                report("The key is stored as %s, but not in use: systemctl daemon-reload failed",
                       change->path);
                return EXIT_OURS;
        }
        status = check_unit(change);
        if (status != 0)
                return status;
        if (systemd_unit_restart(KEY_HOLDER_UNIT))
                return reload_daemon(change, "the daemon failed to load it from " KEY_HOLDER_UNIT);
        report("The key is stored as %s, but " KEY_HOLDER_UNIT " failed to restart", change->path);
        return report_key_holder_faults();
}

int key_activate(KeyChange *change)
{
        if (systemd_unit_is_active(UNIT)) {
                change->activated = "restart";
                return restart_unit(change);
        }
        change->activated = "reload";
        return reload_daemon(change, "the daemon failed to reload");
}

/*
 * ---- Proof that the daemon uses the key --------------------------------------------------------
 */

static int make_nonce(char nonce[static 2 * NONCE_BYTES + 1])
{
        unsigned char bytes[NONCE_BYTES];

        if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t) sizeof(bytes))
                return -EIO;
        for (size_t i = 0; i < sizeof(bytes); i++)
                snprintf(nonce + 2 * i, 3, "%02x", bytes[i]);
        return 0;
}

static void report_other_key(const KeyChange *change)
{
        report("The daemon does not use the key stored as %s: it was started with another "
               "CREDENTIALS_DIRECTORY, or the key was changed again meanwhile; see systemctl cat "
               "passlock-keyholder",
               change->path);
}

static int compare_proof(const KeyChange *change)
{
        char nonce[2 * NONCE_BYTES + 1], expected[KEY_PROOF_LEN + 1];
        _cleanup_(freep) char *proof = NULL;
        int r;

        if (make_nonce(nonce) < 0 || key_proof(change->key, nonce, expected) < 0) {
                report("Failed to generate a nonce");
                return EXIT_OURS;
        }
        r = passlock_prove_key(change->invocation->client, nonce, &proof);
        if (r == PASSLOCK_ERROR_NOT_CONFIGURED) {
                report("The key is stored as %s, but the daemon has no key: see passlockctl doctor",
                       change->path);
                return EXIT_OURS;
        }
        if (r != 0) {
                report("The key is stored as %s, but verifying that the daemon uses it failed:",
                       change->path);
                return report_call(change->invocation->client, r);
        }
        if (!streq(proof, expected)) {
                report_other_key(change);
                return EXIT_OURS;
        }
        return 0;
}

/* Makes an API call through the daemon, whose route to the API may differ from passlockctl's. */
static int make_call(const KeyChange *change)
{
        _cleanup_(passlock_passkey_list_unrefp) passlock_passkey_list *passkeys = NULL;
        passlock *client = change->invocation->client;
        int r;

        r = passlock_vault_list(client, "", &passkeys);
        if (r != 0)
                report("The daemon uses the new key, but its first call failed; see passlockctl "
                       "doctor:");
        return report_call(client, r);
}

int key_prove(KeyChange *change)
{
        int status = compare_proof(change);

        return status ?: make_call(change);
}
