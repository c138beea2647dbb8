/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/statvfs.h>

#include "build-config.h"
#include "client/passlockctl/checkup.h"
#include "client/passlockctl/doctor-api.h"
#include "client/passlockctl/doctor-unit.h"
#include "client/passlockctl/passlockctl.h"
#include "client/passlockctl/report.h"
#include "client/passlockctl/unit.h"

#define TIMEOUT_MS_DEFAULT 10000U
#define STATE_DIR          "/var/lib/passlockd"
#define FREE_MIB_MIN       64U

DEFINE_CLEANUP(passlock_tenancy *, passlock_tenancy_unref);
DEFINE_CLEANUP(passlock_tenancy_list *, passlock_tenancy_list_unref);

DEFINE_CLEANUP(passlock_passkey_list *, passlock_passkey_list_unref);

#define CONFIG_FILE "/etc/passlock/passlockd.conf"

static void check_version(Checkup *checkup, const char *version)
{
        if (streq(version, PACKAGE_VERSION))
                checkup_good(checkup, "daemon", "version %s", version);
        else
                checkup_fault(checkup, "daemon", "after an upgrade: systemctl restart " UNIT,
                              "version %s, but this tool is of " PACKAGE_VERSION, version);
}

/* Every local user may read the version, so only the bus denies that. Returns whether it is there.
 */
static bool check_daemon(Checkup *checkup, passlock *client)
{
        _cleanup_(freep) char *version = NULL;
        int r;

        r = passlock_get_version(client, &version);
        if (r == 0) {
                check_version(checkup, version);
                return true;
        }
        if (r == PASSLOCK_ERROR_ACCESS_DENIED) {
                checkup_skip(checkup, "daemon", "cannot be asked");
                checkup_skip(checkup, "credential", "cannot be asked for");
                checkup_fault(checkup, "bus policy",
                              "install dev.passlock.Passlock1.conf in /usr/share/dbus-1/system.d; "
                              "then: systemctl reload dbus; " UNIT_START_AGAIN,
                              "the bus does not let you call the daemon");
        } else if (checkup_n_faults(checkup) > 0)
                checkup_skip(checkup, "daemon", "does not run");
        else
                checkup_fault(checkup, "daemon",
                              r == -ENOTCONN ? "start it: systemctl start dbus"
                                             : "start it: systemctl start " UNIT,
                              "%s", passlock_strerror(r));
        return false;
}

static void check_credential(Checkup *checkup, const passlock_tenancy *tenancy)
{
        const char *label;

        if (!tenancy) {
                checkup_skip(checkup, "credential", "not known of a tenancy that is not known");
                return;
        }
        label = passlock_tenancy_get_label(tenancy);
        if (streq(passlock_tenancy_get_state(tenancy), "unconfigured"))
                checkup_fault(
                        checkup, "credential",
                        "as root: passlockctl set-key; if its file is there already: systemctl "
                        "daemon-reload; systemctl restart passlockd",
                        "tenancy %s has no key", label);
        else
                checkup_good(checkup, "credential", "tenancy %s has a key", label);
}

static bool has_tenancy(const passlock_tenancy_list *list, const char *label)
{
        for (size_t i = 0; i < passlock_tenancy_list_get_size(list); i++)
                if (!label ||
                    streq(passlock_tenancy_get_label(passlock_tenancy_list_get(list, i)), label))
                        return true;
        return false;
}

static bool check_grants(Checkup *checkup, passlock *client, const char *label)
{
        _cleanup_(passlock_tenancy_list_unrefp) passlock_tenancy_list *list = NULL;
        bool root = geteuid() == 0;
        int r;

        r = passlock_list_tenancies(client, &list);
        if (r == 0 && (root || has_tenancy(list, label))) {
                checkup_good(checkup, "grants", "%s",
                             root ? "root may do everything" : "there is one for you");
                return true;
        }
        if (r == 0 || r == PASSLOCK_ERROR_ACCESS_DENIED)
                checkup_fault(checkup, "grants",
                              "as root: add a [Grant ...] section to " CONFIG_FILE
                              "; then: passlockctl reload",
                              "none opens %s%s to user %u", label ? "tenancy " : "a tenancy",
                              label ?: "", geteuid());
        else
                checkup_fault(checkup, "grants", "see journalctl -u passlockd", "%s",
                              passlock_strerror(r));
        return false;
}

/* `r` is what looking for it gave. */
static bool check_tenancy(Checkup *checkup, int r)
{
        if (r == 0)
                return true;
        checkup_fault(checkup, "tenancy",
                      "as root: add a [Tenancy ...] section to " CONFIG_FILE
                      "; then: passlockctl reload; passlockctl status lists those that are there",
                      "%s", passlock_strerror(r));
        return false;
}

static void check_refused_key(Checkup *checkup)
{
        checkup_fault(checkup, "key", "as root: passlockctl set-key", "the API refuses it");
}

/* Has the daemon use it, for what only root may for sure. */
static void try_key(Checkup *checkup, passlock *client)
{
        _cleanup_(passlock_passkey_list_unrefp) passlock_passkey_list *passkeys = NULL;
        int r;

        r = passlock_vault_list(client, "", &passkeys);
        if (r == 0)
                checkup_good(checkup, "key", "the API takes it");
        else if (r == PASSLOCK_ERROR_API_DENIED)
                check_refused_key(checkup);
        else
                checkup_fault(checkup, "key",
                              "see journalctl -u passlockd; the daemon asks by another way than "
                              "this tool if only one of them has a proxy",
                              "not known: %s", passlock_strerror(r));
}

/* For others, what the daemon made of the API's last answer. */
static void check_key(Checkup *checkup, passlock *client, const passlock_tenancy *tenancy,
                      bool answered)
{
        const char *state = passlock_tenancy_get_state(tenancy);

        if (streq(state, "unconfigured"))
                checkup_skip(checkup, "key", "there is none");
        else if (!answered)
                checkup_skip(checkup, "key", "cannot be tried");
        else if (geteuid() == 0)
                try_key(checkup, client);
        else if (streq(state, "denied"))
                check_refused_key(checkup);
        else if (streq(state, "degraded"))
                checkup_fault(checkup, "key",
                              "if all is well above, the next call mends this; else see "
                              "journalctl -u passlockd",
                              "not known: the daemon's last call got no usable answer");
        else
                checkup_good(checkup, "key", "the API has not refused it");
}

/* As far as we may look: its directory is root's and the daemon's. */
static void check_space(Checkup *checkup, uint64_t n_links)
{
        const char *dir = getenv("STATE_DIRECTORY") ?: STATE_DIR;
        struct statvfs fs;
        uint64_t free_mib;

        if (geteuid() != 0 || statvfs(dir, &fs) < 0) {
                checkup_good(checkup, "store", "%" PRIu64 " links", n_links);
                return;
        }
        free_mib = (uint64_t) fs.f_bavail * fs.f_frsize >> 20;
        if (free_mib < FREE_MIB_MIN)
                checkup_fault(checkup, "store", "make room; what cannot be stored is refused",
                              "%" PRIu64 " links, but only %" PRIu64 " MiB free in %s", n_links,
                              free_mib, dir);
        else
                checkup_good(checkup, "store", "%" PRIu64 " links, %" PRIu64 " MiB free in %s",
                             n_links, free_mib, dir);
}

static void check_store(Checkup *checkup, passlock *client)
{
        uint64_t n_links;
        int r;

        r = passlock_links_count(client, &n_links);
        if (r == 0)
                check_space(checkup, n_links);
        else
                checkup_fault(checkup, "store", "see journalctl -u passlockd", "%s",
                              passlock_strerror(r));
}

static int check_api(Checkup *checkup, const Invocation *invocation,
                     const passlock_tenancy *tenancy)
{
        const char *ca_file = invocation->ca_file ?: passlock_tenancy_get_ca_file(tenancy);
        HttpAnswer answer;
        int r;

        r = doctor_check_api(checkup, passlock_tenancy_get_endpoint(tenancy), ca_file,
                             invocation->timeout_ms ?: TIMEOUT_MS_DEFAULT, &answer);
        if (r < 0)
                return r;
        check_key(checkup, invocation->client, tenancy, answer.outcome == HTTP_ANSWERED);
        doctor_check_clock(checkup, &answer);
        return 0;
}

/* From the bottom up: what cannot be known because of a fault is left out. Returns 0 or -ENOMEM. */
static int check_everything(Checkup *checkup, const Invocation *invocation)
{
        _cleanup_(passlock_tenancy_unrefp) passlock_tenancy *tenancy = NULL;
        passlock *client = invocation->client;
        int found, r;

        if (!doctor_check_unit(checkup) || !check_daemon(checkup, client))
                return 0;
        found = passlock_get_tenancy(client, &tenancy);
        check_credential(checkup, tenancy);
        checkup_good(checkup, "bus policy", "lets you call the daemon");
        if (!check_grants(checkup, client, invocation->tenancy) || !check_tenancy(checkup, found))
                return 0;
        r = check_api(checkup, invocation, tenancy);
        if (r == 0)
                check_store(checkup, client);
        return r;
}

int verb_doctor(Invocation *invocation)
{
        _cleanup_(checkup_freep) Checkup *checkup = checkup_new(invocation->json);
        int r;

        r = checkup ? 0 : -ENOMEM;
        if (r == 0 && invocation->timeout_ms == 0)
                r = passlock_set_timeout_ms(invocation->client, TIMEOUT_MS_DEFAULT);
        if (r == 0)
                r = check_everything(checkup, invocation);
        if (r == 0)
                r = checkup_finish(checkup);
        if (r < 0) {
                report("%s", passlock_strerror(r));
                return EXIT_OURS;
        }
        return checkup_n_faults(checkup) > 0 ? EXIT_OURS : 0;
}
