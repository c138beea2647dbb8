/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>

#include "client/passlockctl/doctor/doctor-credential.h"
#include "client/passlockctl/doctor/service.h"
#include "client/passlockctl/host/systemd-unit.h"
#include "client/passlockctl/host/unit-credentials.h"
#include "client/passlockctl/set-key/key-change.h"
#include "client/passlockctl/terminal/report.h"
#include "dbus/key-proof.h"

#define NONCE_BYTES 32U
/* What the generator writes goes before drop-ins that sort before it. */
#define GENERATED_DROP_IN "50-credentials.conf"
#define USUAL_PREFIX      "passlock."

DEFINE_CLEANUP(passlock_passkey_list *, passlock_passkey_list_unref);

/* ---- What the unit loads --------------------------------------------------------------------- */

static const char *wanted_setting(const KeyChange *change)
{
        return change->invocation->plain ? "LoadCredential" : "LoadCredentialEncrypted";
}

static bool is_generated(const KeyChange *change)
{
        return !change->invocation->store_dir &&
               strncmp(change->name, USUAL_PREFIX, strlen(USUAL_PREFIX)) == 0;
}

/* Whether that setting is, or will be, the one that loads our file. */
static bool is_ours(const KeyChange *change, const CredentialSetting *setting)
{
        return !setting->literal && setting->sealed == !change->invocation->plain &&
               (!setting->path || streq(setting->path, change->path));
}

/* Whether a drop-in of the administrator's gives way to what the generator writes for our file. */
static bool gives_way(const KeyChange *change, const CredentialSetting *setting)
{
        const char *slash = strrchr(setting->file, '/');

        return setting->generated || setting->literal ||
               (is_generated(change) && slash && strcmp(slash + 1, GENERATED_DROP_IN) < 0);
}

static int report_obstacle(const CredentialSetting *setting, const char *consequence)
{
        report("%s:%u has %s=%s%s%s, which goes before it; %s", setting->file, setting->line,
               setting->setting, setting->id, setting->path ? ":" : "", setting->path ?: "",
               consequence);
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

        /* What is replaced by the new key, or no fault any more when systemd has looked again. */
        if (streq(path, others->change->path) || credential_file_is_in_plain_place(path))
                return;
        others->n_unusable++;
        report("%s %s: with it, " UNIT
               " cannot be restarted; move it away first; nothing was changed",
               path, problem);
}

/* A restart is the end of a daemon that runs if another of its credentials does not open. */
static int check_other_credentials(const KeyChange *change)
{
        Others others = {.change = change};

        if (geteuid() == 0)
                (void) credential_find_unusable(on_unusable, &others);
        return others.n_unusable > 0 ? EXIT_OURS : 0;
}

int key_check_sources(const KeyChange *change)
{
        _cleanup_(unit_credentials_freep) UnitCredentials *credentials = NULL;
        _cleanup_(freep) char *before = NULL;
        const CredentialSetting *setting;

        /* Without systemd nothing of this kind can be in the way. */
        if (!systemd_unit_is_active())
                return 0;
        credentials = unit_credentials_new();
        setting = credentials ? unit_credentials_find(credentials, change->name) : NULL;
        if (setting && !is_ours(change, setting) && !gives_way(change, setting))
                return report_obstacle(setting, "take that out first; nothing was changed");
        if (!change->invocation->store_dir)
                before = credential_file_before(change->name, !change->invocation->plain,
                                                change->path);
        /* A sealed one in /etc is replaced by a plain one of the same name. */
        if (before && strncmp(before, "/etc/", strlen("/etc/")) != 0) {
                report("%s is there, and goes before %s; remove it first; nothing was changed",
                       before, change->path);
                return EXIT_OURS;
        }
        return check_other_credentials(change);
}

/* Once systemd has looked again: whether the unit will load our file. */
static int check_unit(const KeyChange *change)
{
        _cleanup_(unit_credentials_freep) UnitCredentials *credentials = unit_credentials_new();
        const CredentialSetting *setting;

        if (!credentials)
                return 0;
        setting = unit_credentials_find(credentials, change->name);
        if (!setting) {
                report("the key is stored as %s, but " UNIT
                       " does not load it: passlock-credentials-generator, which names it for "
                       "the unit, did not run; add a drop-in with %s=%s:%s, and run this again",
                       change->path, wanted_setting(change), change->name, change->path);
                return EXIT_OURS;
        }
        if (is_ours(change, setting) && (setting->path || !change->invocation->store_dir))
                return 0;
        return report_obstacle(setting, "the key is stored, but not in use");
}

/* A unit gets its credentials when it is started, and not again when it is reloaded. */
static int restart_unit(const KeyChange *change)
{
        int status;

        if (!systemd_daemon_reload()) {
                report("the key is stored as %s, but not in use: systemd could not be reloaded",
                       change->path);
                return EXIT_OURS;
        }
        status = check_unit(change);
        if (status != 0 || systemd_unit_restart())
                return status;
        report("the key is stored as %s, but " UNIT " could not be restarted", change->path);
        return service_report(change->invocation, SERVICE_FAILS);
}

int key_activate(KeyChange *change)
{
        passlock *client = change->invocation->client;
        int r;

        if (systemd_unit_is_active()) {
                change->activated = "restart";
                return restart_unit(change);
        }
        change->activated = "reload";
        r = passlock_reload(client);
        if (r != 0)
                report("the key is stored as %s, but the daemon did not take it:", change->path);
        return report_call(client, r);
}

/* ---- Whether the daemon has it --------------------------------------------------------------- */

static int make_nonce(char nonce[static 2 * NONCE_BYTES + 1])
{
        unsigned char bytes[NONCE_BYTES];

        if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t) sizeof(bytes))
                return -EIO;
        for (size_t i = 0; i < sizeof(bytes); i++)
                snprintf(nonce + 2 * i, 3, "%02x", bytes[i]);
        return 0;
}

/* What else the daemon could have its key from. */
static void report_other_key(const KeyChange *change)
{
        report("the daemon uses another key than the one that is stored as %s: it was started with "
               "another CREDENTIALS_DIRECTORY, or somebody else has changed the key meanwhile; see "
               "systemctl cat passlockd",
               change->path);
}

static int compare_proof(const KeyChange *change)
{
        char nonce[2 * NONCE_BYTES + 1], expected[KEY_PROOF_LEN + 1];
        _cleanup_(freep) char *proof = NULL;
        int r;

        if (make_nonce(nonce) < 0 || key_proof(change->key, nonce, expected) < 0) {
                report("no random numbers are to be had");
                return EXIT_OURS;
        }
        r = passlock_prove_key(change->invocation->client, nonce, &proof);
        if (r == PASSLOCK_ERROR_NOT_CONFIGURED) {
                report("the key is stored as %s, but the daemon does not find it: passlockctl "
                       "doctor "
                       "says what it finds",
                       change->path);
                return EXIT_OURS;
        }
        if (r != 0) {
                report("the key is stored as %s, but whether the daemon uses it cannot be told:",
                       change->path);
                return report_call(change->invocation->client, r);
        }
        if (!streq(proof, expected)) {
                report_other_key(change);
                return EXIT_OURS;
        }
        return 0;
}

/* The way that the daemon goes may be another than ours. */
static int make_call(const KeyChange *change)
{
        _cleanup_(passlock_passkey_list_unrefp) passlock_passkey_list *passkeys = NULL;
        passlock *client = change->invocation->client;
        int r;

        r = passlock_vault_list(client, "", &passkeys);
        if (r != 0)
                report("the daemon has the new key, but its first call with it failed; passlockctl "
                       "doctor says more:");
        return report_call(client, r);
}

int key_prove(const KeyChange *change)
{
        int status = compare_proof(change);

        return status ?: make_call(change);
}
