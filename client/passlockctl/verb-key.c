/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "client/passlockctl/credential.h"
#include "client/passlockctl/http.h"
#include "client/passlockctl/input.h"
#include "client/passlockctl/passlockctl.h"
#include "client/passlockctl/record.h"
#include "client/passlockctl/report.h"
#include "client/passlockctl/unit.h"

#define TIMEOUT_MS_DEFAULT 30000U

DEFINE_CLEANUP(passlock_tenancy *, passlock_tenancy_unref);

typedef struct KeyChange {
        Invocation *invocation;
        const passlock_tenancy *tenancy;
        Secret *key;
        char *name;
        char *path;
        const char *activated; /* how the daemon came to it */
} KeyChange;

/* Nobody gets to see our memory: no core dump, no debugger of the same user, no swap. */
static int protect_memory(void)
{
        const struct rlimit none = {};

        if (prctl(PR_SET_DUMPABLE, 0) < 0 || setrlimit(RLIMIT_CORE, &none) < 0)
                return -errno;
        /* Only root may for sure. */
        (void) mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT);
        umask(0077);
        return 0;
}

static int read_key(KeyChange *change)
{
        const char *argument = change->invocation->arguments[0];
        int r;

        if (argument && !streq(argument, "-")) {
                report("the key is not an argument, which others could see; use - to pipe it in");
                return EXIT_USAGE;
        }
        if (!argument && !isatty(STDIN_FILENO)) {
                report("no terminal to ask on; use - to read the key from standard input");
                return EXIT_USAGE;
        }
        r = input_secret("API key: ", &change->key);
        if (r < 0) {
                report("%s", r == -EINVAL ? "no key" : strerror(-r));
                return r == -EINVAL || r == -E2BIG ? EXIT_USAGE : EXIT_OURS;
        }
        for (const char *c = secret_reveal(change->key); *c; c++)
                if (*c <= ' ' || *c > '~') {
                        report("this is no key: keys have neither blanks nor odd characters");
                        return EXIT_USAGE;
                }
        return 0;
}

static int choose_name(KeyChange *change)
{
        const char *given = change->invocation->credential;

        if (given)
                change->name = strdup(given);
        else if (asprintf(&change->name, "passlock.%s",
                          passlock_tenancy_get_label(change->tenancy)) < 0)
                change->name = NULL;
        if (!change->name) {
                report("%s", strerror(ENOMEM));
                return EXIT_OURS;
        }
        if (!credential_name_is_valid(change->name)) {
                report("--credential=%s: not the name of a credential", change->name);
                return EXIT_USAGE;
        }
        return 0;
}

static int ask_api(const KeyChange *change, HttpAnswer *ret)
{
        _cleanup_(freep) char *id = http_escape(passlock_tenancy_get_id(change->tenancy));
        const Invocation *invocation = change->invocation;
        const char *ca_file = invocation->ca_file ?: passlock_tenancy_get_ca_file(change->tenancy);
        _cleanup_(freep) char *path = NULL;

        if (!id || asprintf(&path, "/v2/%s/passkeys/", id) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        return http_get(passlock_tenancy_get_endpoint(change->tenancy), path, change->key, ca_file,
                        invocation->timeout_ms ?: TIMEOUT_MS_DEFAULT, ret);
}

static int try_key(KeyChange *change)
{
        const char *endpoint = passlock_tenancy_get_endpoint(change->tenancy);
        HttpAnswer answer;
        int r;

        r = ask_api(change, &answer);
        if (r < 0) {
                report("%s: %s; nothing was changed", endpoint,
                       r == -EINVAL ? "no endpoint, or its CA file cannot be read" : strerror(-r));
                return EXIT_OURS;
        }
        if (answer.outcome != HTTP_ANSWERED) {
                report("the key cannot be tried at %s: %s; nothing was changed", endpoint,
                       answer.text);
                return EXIT_SERVICE;
        }
        if (answer.status == 401 || answer.status == 403) {
                report("%s does not take this key for tenancy %s; nothing was changed", endpoint,
                       passlock_tenancy_get_id(change->tenancy));
                return EXIT_CALLER;
        }
        if (answer.status < 200 || answer.status > 299) {
                report("%s answered with HTTP status %d; nothing was changed", endpoint,
                       answer.status);
                return EXIT_SERVICE;
        }
        return 0;
}

static int store_key(KeyChange *change)
{
        const Invocation *invocation = change->invocation;

        return credential_store(invocation->store_dir, change->name, change->key, invocation->plain,
                                &change->path) == 0
                       ? 0
                       : EXIT_OURS;
}

/* A unit gets its credentials when it is started, and not again when it is reloaded. */
static int restart_unit(void)
{
        if (unit_restart())
                return 0;
        report("the key is stored, but " UNIT " could not be restarted; see journalctl -u " UNIT);
        return EXIT_OURS;
}

static int activate_key(KeyChange *change)
{
        passlock *client = change->invocation->client;
        int r;

        if (unit_is_active()) {
                change->activated = "restart";
                return restart_unit();
        }
        change->activated = "reload";
        r = passlock_reload(client);
        if (r != 0)
                report("the key is stored, but the daemon did not take it:");
        return report_call(client, r);
}

/* Whether the daemon can have found it. If not, what to do about it has been said. */
static bool check_unit(const KeyChange *change, const char *state)
{
        bool sealed = !change->invocation->plain;

        if (streq(change->activated, "restart") &&
            !unit_loads_credential(sealed, change->name, change->path)) {
                report("the daemon does not have this key: its unit loads the credentials that "
                       "passlockd.conf names; another one, such as %s, needs a drop-in with %s=%s",
                       change->name, unit_credential_setting(sealed), change->name);
                return false;
        }
        if (streq(state, "unconfigured")) {
                report("the daemon does not have this key: it does not find the credential %s, or "
                       "passlockd.conf names another one",
                       change->name);
                return false;
        }
        return true;
}

static int print_change(const KeyChange *change, const char *state)
{
        _cleanup_(record_freep) Record *record = NULL;
        bool plain = change->invocation->plain;

        if (!change->invocation->json) {
                printf("%s takes the key for tenancy %s.\n",
                       passlock_tenancy_get_endpoint(change->tenancy),
                       passlock_tenancy_get_id(change->tenancy));
                printf("It is stored %s as %s.\n", plain ? "as it is, not sealed," : "sealed",
                       change->path);
                puts(streq(change->activated, "restart")
                             ? UNIT
                             " was restarted to get it; it answered the calls in flight first."
                             : "The daemon, which systemd does not run, was told to read its "
                               "credentials again.");
                if (change->invocation->credential)
                        printf("It is used if passlockd.conf has ApiKeyCredential=%s.\n",
                               change->name);
                printf("The tenancy is now %s.\n", state);
                return 0;
        }
        record = record_new();
        record_put_string(record, NULL, "credential", change->path);
        record_put_bool(record, NULL, "sealed", !plain);
        record_put_string(record, NULL, "activated", change->activated);
        record_put_string(record, NULL, "state", state);
        return record_print(record, true);
}

static int finish(KeyChange *change)
{
        _cleanup_(passlock_tenancy_unrefp) passlock_tenancy *now = NULL;
        passlock *client = change->invocation->client;
        const char *state;
        int r;

        r = passlock_get_tenancy(client, &now);
        if (r != 0)
                return report_call(client, r);
        state = passlock_tenancy_get_state(now);
        r = print_change(change, state);
        if (r != 0)
                return report_call(client, r);
        return check_unit(change, state) ? 0 : EXIT_OURS;
}

/* In this order, so that a key that is no good changes nothing. Each says what is wrong, and
 * returns 0 or the exit status. */
static int change_key(KeyChange *change)
{
        static int (*const steps[])(KeyChange * change) = {
                choose_name, read_key, try_key, store_key, activate_key, finish,
        };
        int status = 0;

        for (size_t i = 0; status == 0 && i < ARRAY_SIZE(steps); i++)
                status = steps[i](change);
        return status;
}

int verb_set_key(Invocation *invocation)
{
        _cleanup_(passlock_tenancy_unrefp) passlock_tenancy *tenancy = NULL;
        KeyChange change = {.invocation = invocation};
        int r, status;

        if (geteuid() != 0 && !invocation->store_dir) {
                report("only root can set a key");
                return EXIT_DENIED;
        }
        r = protect_memory();
        if (r == 0)
                r = passlock_get_tenancy(invocation->client, &tenancy);
        if (r != 0)
                return report_call(invocation->client, r);
        change.tenancy = tenancy;
        status = change_key(&change);
        secret_unref(change.key);
        free(change.name);
        free(change.path);
        return status;
}
