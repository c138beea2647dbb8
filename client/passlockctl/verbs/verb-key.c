/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>

#include "base/text.h"
#include "client/passlockctl/doctor/service.h"
#include "client/passlockctl/host/daemon-environment.h"
#include "client/passlockctl/host/http.h"
#include "client/passlockctl/host/libcrypto.h"
#include "client/passlockctl/host/protection.h"
#include "client/passlockctl/host/systemd-unit.h"
#include "client/passlockctl/set-key/credential.h"
#include "client/passlockctl/set-key/key-change.h"
#include "client/passlockctl/terminal/input.h"
#include "client/passlockctl/terminal/record.h"
#include "client/passlockctl/terminal/report.h"
#include "client/passlockctl/verbs/verbs.h"
#include "dbus/api-status.h"

#define TIMEOUT_MS_DEFAULT 30000U
#define LIST_TAG           "FindAllPasskeys"

static int report_out_of_memory(void)
{
        report("%s", passlock_strerror(-ENOMEM));
        return EXIT_OURS;
}

/* Reload first: the key holder would not load an invalid configuration. */
static int read_configuration(KeyChange *change)
{
        passlock *client = change->invocation->client;
        int r;

        r = passlock_reload(client);
        if (r != 0)
                report("Failed to reload the daemon's configuration; nothing was changed:");
        return report_call(client, r);
}

static int find_tenancy(KeyChange *change)
{
        passlock *client = change->invocation->client;
        int r;

        r = passlock_get_tenancy(client, &change->tenancy);
        return report_call(client, r);
}

/* The daemon reads the key from the credential of this name only. */
static int choose_name(KeyChange *change)
{
        const char *given = change->invocation->credential;
        const char *used = passlock_tenancy_get_credential(change->tenancy);
        const char *label = passlock_tenancy_get_label(change->tenancy);

        change->name = used ? strdup(used) : text_format("passlock.%s", label);
        if (!change->name)
                return report_out_of_memory();
        if (given && !streq(given, change->name)) {
                report("--credential=%s differs from the credential of tenancy %s, %s; set "
                       "ApiKeyCredential= in passlockd.conf and run passlockctl reload first",
                       given, label, change->name);
                return EXIT_USAGE;
        }
        if (!credential_name_is_valid(change->name)) {
                report("ApiKeyCredential=%s in passlockd.conf is not a valid credential name: up "
                       "to 200 letters, digits, dots, hyphens and underscores",
                       change->name);
                return EXIT_OURS;
        }
        return 0;
}

static int choose_path(KeyChange *change)
{
        change->path = credential_path(change->invocation->store_dir, change->name,
                                       change->invocation->plain);
        return change->path ? 0 : report_out_of_memory();
}

static int report_read_error(int r)
{
        if (r == -EINVAL)
                report("Failed to read the key: it is empty");
        else if (r == -E2BIG)
                report("Failed to read the key: longer than %u characters", SECRET_LEN_MAX);
        else if (r == -EINTR)
                report("Interrupted, nothing was changed");
        else
                report("Failed to read the key: %s", strerror(-r));
        return r == -EINVAL || r == -E2BIG ? EXIT_USAGE : EXIT_OURS;
}

static int read_key(KeyChange *change)
{
        const char *argument = change->invocation->arguments[0], *flaw;
        int r;

        if (argument && !streq(argument, "-")) {
                report("A key in the command line is visible to other users; use - to read it from "
                       "standard input");
                return EXIT_USAGE;
        }
        if (!argument && !isatty(STDIN_FILENO)) {
                report("Failed to ask for the key: standard input is not a terminal; use - to read "
                       "it from a pipe");
                return EXIT_USAGE;
        }
        r = input_secret("API key: ", &change->key);
        if (r < 0)
                return report_read_error(r);
        flaw = secret_key_flaw(secret_reveal(change->key), secret_len(change->key));
        if (flaw) {
                report("Invalid key: it %s", flaw);
                return EXIT_USAGE;
        }
        return 0;
}

static int send_test_request(const KeyChange *change, HttpResponse *ret)
{
        _cleanup_(freep) char *id = http_escape(passlock_tenancy_get_id(change->tenancy));
        _cleanup_(daemon_environment_freep) DaemonEnvironment *environment =
                daemon_environment_new_for_keys();
        const Invocation *invocation = change->invocation;
        const char *endpoint = passlock_tenancy_get_endpoint(change->tenancy);
        _cleanup_(freep) char *path = id ? text_format("/v2/%s/passkeys/", id) : NULL;

        if (!path || !environment)
                return -ENOMEM;
        return http_get(
                &(HttpRequest){
                        .endpoint = endpoint,
                        .path = path,
                        .key = change->key,
                        .ca_file = invocation->ca_file
                                           ?: passlock_tenancy_get_ca_file(change->tenancy),
                        .proxy = daemon_environment_find_proxy(environment, endpoint),
                        .timeout_ms = invocation->timeout_ms ?: TIMEOUT_MS_DEFAULT,
                },
                ret);
}

/* Evaluates the API's response to the key. */
static int check_response(const KeyChange *change, const HttpResponse *answer)
{
        const char *endpoint = passlock_tenancy_get_endpoint(change->tenancy);
        int r = api_status_to_error((unsigned) answer->status, answer->tag, NULL);

        if (r == PASSLOCK_ERROR_API_DENIED)
                report("%s rejected the key for tenancy %s; nothing was changed", endpoint,
                       passlock_tenancy_get_id(change->tenancy));
        else if (r != 0)
                report("%s returned HTTP status %d: %s; nothing was changed", endpoint,
                       answer->status, passlock_strerror(r));
        if (r != 0)
                return r == PASSLOCK_ERROR_API_DENIED ? EXIT_CALLER : exit_status(r);
        /* A captive portal or a web server answers any key with status 200. */
        if (!streq(answer->tag, LIST_TAG)) {
                report("%s returned HTTP status %d without a list of passkeys; check Endpoint= in "
                       "passlockd.conf, proxies and captive portals; nothing was changed",
                       endpoint, answer->status);
                return EXIT_SERVICE;
        }
        return 0;
}

static int test_key(KeyChange *change)
{
        const char *endpoint = passlock_tenancy_get_endpoint(change->tenancy);
        HttpResponse answer;
        int r;

        r = send_test_request(change, &answer);
        if (r == -ENOMEM)
                return report_out_of_memory();
        if (r < 0) {
                report("Failed to test the key at %s: invalid endpoint or unreadable CA file; "
                       "nothing was changed",
                       endpoint);
                return EXIT_OURS;
        }
        if (answer.outcome != HTTP_RESPONDED) {
                report("Failed to test the key at %s: %s; nothing was changed", endpoint,
                       answer.text);
                return EXIT_SERVICE;
        }
        return check_response(change, &answer);
}

static int store_key(KeyChange *change)
{
        const Invocation *invocation = change->invocation;

        return credential_store(invocation->store_dir, change->name, change->key, invocation->plain,
                                change->path) == 0
                       ? 0
                       : EXIT_OURS;
}

static int print_lines(const KeyChange *change, const char *state)
{
        printf("%s accepted the key for tenancy %s.\n",
               passlock_tenancy_get_endpoint(change->tenancy),
               passlock_tenancy_get_id(change->tenancy));
        printf("Stored %s as %s.\n", change->invocation->plain ? "unencrypted" : "encrypted",
               change->path);
        puts(streq(change->activated, "restart")
                     ? KEY_HOLDER_UNIT " was restarted to load it; calls in flight were completed "
                                       "first."
                     : "The daemon is not run by systemd; it has reloaded its credentials.");
        puts("The daemon proved that it uses the key, and made a call with it.");
        printf("The tenancy is now %s.\n", state);
        return 0;
}

static int print_change(const KeyChange *change, const char *state)
{
        _cleanup_(record_freep) Record *record = NULL;

        if (!change->invocation->json)
                return print_lines(change, state);
        record = record_new();
        record_put_string(record, NULL, "credential", change->path);
        record_put_bool(record, NULL, "sealed", !change->invocation->plain);
        record_put_string(record, NULL, "activated", change->activated);
        record_put_string(record, NULL, "state", state);
        return record_print(record, true);
}

static int report_success(KeyChange *change)
{
        _cleanup_(passlock_tenancy_unrefp) passlock_tenancy *now = NULL;
        passlock *client = change->invocation->client;
        int r;

        r = passlock_get_tenancy(client, &now);
        if (r == 0)
                r = print_change(change, passlock_tenancy_get_state(now));
        return report_call(client, r);
}

/*
 * The order ensures that an invalid key changes nothing, and that success is reported only for a
 * key in use. Each step reports its error and returns 0 or the exit status.
 */
static int change_key(KeyChange *change)
{
        static int (*const steps[])(KeyChange * change) = {
                read_configuration, find_tenancy, choose_name,    choose_path,
                key_check_sources,  read_key,     test_key,       store_key,
                key_activate,       key_prove,    report_success,
        };
        int status = 0;

        for (size_t i = 0; status == 0 && i < ARRAY_SIZE(steps); i++)
                status = steps[i](change);
        return status;
}

static int load_libraries(void)
{
        const char *error;

        if (http_load(&error) == 0 && libcrypto_load(&error) == 0)
                return 0;
        report("Failed to load %s; install the library and repeat this command", error);
        return EXIT_OURS;
}

int verb_set_key(Invocation *invocation)
{
        KeyChange change = {.invocation = invocation};
        int r, status;

        if (geteuid() != 0 && !invocation->store_dir) {
                report("Failed to set the key: not running as root");
                return EXIT_DENIED;
        }
        /* Before protect_memory(): the limit of locked memory applies to later mappings. */
        status = load_libraries();
        if (status != 0)
                return status;
        r = protect_memory();
        if (r < 0) {
                report("Failed to protect the key in memory: %s", strerror(-r));
                return EXIT_OURS;
        }
        status = service_require(invocation);
        if (status == 0)
                status = change_key(&change);
        passlock_tenancy_unref(change.tenancy);
        secret_unref(change.key);
        free(change.name);
        free(change.path);
        return status;
}
