/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/statvfs.h>

#include "build-config.h"
#include "client/passlockctl/checkup.h"
#include "client/passlockctl/doctor-api.h"
#include "client/passlockctl/passlockctl.h"
#include "client/passlockctl/report.h"
#include "client/passlockctl/unit.h"

#define TIMEOUT_MS_DEFAULT 10000U
#define STATE_DIR          "/var/lib/passlockd"
#define FREE_MIB_MIN       64U

DEFINE_CLEANUP(passlock_tenancy *, passlock_tenancy_unref);
DEFINE_CLEANUP(passlock_tenancy_list *, passlock_tenancy_list_unref);

/* A daemon with a mistake in its configuration does not start. */
static void check_start(Checkup *checkup)
{
        switch (unit_last_start()) {
        case UNIT_START_UNKNOWN:
                checkup_skip(checkup, "configuration", "systemd is not there to be asked");
                return;
        case UNIT_START_NO_UNIT:
                checkup_skip(checkup, "configuration", "systemd does not know " UNIT);
                return;
        case UNIT_START_GOOD:
                checkup_good(checkup, "configuration", "the last start was with a good one");
                return;
        case UNIT_START_FAILED:
                checkup_fault(checkup, "configuration",
                              "journalctl -u passlockd says why, with file and line if it is the "
                              "configuration",
                              "the last start of " UNIT " failed");
                return;
        }
}

static void check_version(Checkup *checkup, const char *version)
{
        if (streq(version, PACKAGE_VERSION))
                checkup_good(checkup, "daemon", "version %s", version);
        else
                checkup_fault(checkup, "daemon", "after an upgrade: systemctl restart " UNIT,
                              "version %s, but this tool is of " PACKAGE_VERSION, version);
}

/* The bus and what is on it. Every local user may read the version, so only the bus denies that. */
static bool check_daemon(Checkup *checkup, passlock *client)
{
        _cleanup_(freep) char *version = NULL;
        int r;

        r = passlock_get_version(client, &version);
        if (r == 0) {
                check_version(checkup, version);
                checkup_good(checkup, "bus policy", "lets you call the daemon");
                return true;
        }
        if (r == PASSLOCK_ERROR_ACCESS_DENIED) {
                checkup_skip(checkup, "daemon", "cannot be asked");
                checkup_fault(checkup, "bus policy",
                              "install dev.passlock.Passlock1.conf in /usr/share/dbus-1/system.d, "
                              "then: systemctl reload dbus",
                              "the bus does not let you call the daemon");
                return false;
        }
        checkup_fault(checkup, "daemon",
                      r == -ENOTCONN ? "start it: systemctl start dbus"
                                     : "start it: systemctl start " UNIT,
                      "%s", passlock_strerror(r));
        return false;
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
        int r;

        r = passlock_list_tenancies(client, &list);
        if (r == 0 && has_tenancy(list, label)) {
                checkup_good(checkup, "grants", "%s",
                             geteuid() == 0 ? "root may do everything" : "there is one for you");
                return true;
        }
        if (r == 0 || r == PASSLOCK_ERROR_ACCESS_DENIED)
                checkup_fault(checkup, "grants",
                              "add a [Grant ...] section to /etc/passlock/passlockd.conf, then: "
                              "passlockctl reload",
                              "none opens %s%s to user %u", label ? "tenancy " : "a tenancy",
                              label ?: "", geteuid());
        else
                checkup_fault(checkup, "grants", "see journalctl -u passlockd", "%s",
                              passlock_strerror(r));
        return false;
}

static int find_tenancy(Checkup *checkup, passlock *client, passlock_tenancy **ret)
{
        int r;

        r = passlock_get_tenancy(client, ret);
        if (r != 0)
                checkup_fault(checkup, "tenancy",
                              "tenancies are in /etc/passlock/passlockd.conf; passlockctl status "
                              "lists them",
                              "%s", passlock_strerror(r));
        return r;
}

static void check_credential(Checkup *checkup, const passlock_tenancy *tenancy)
{
        const char *label = passlock_tenancy_get_label(tenancy);

        if (streq(passlock_tenancy_get_state(tenancy), "unconfigured"))
                checkup_fault(
                        checkup, "credential",
                        "as root: passlockctl set-key; if its file is there already: systemctl "
                        "daemon-reload, systemctl restart passlockd",
                        "tenancy %s has no key", label);
        else
                checkup_good(checkup, "credential", "tenancy %s has a key", label);
}

/* What the daemon made of the API's last answer. */
static void check_key(Checkup *checkup, const passlock_tenancy *tenancy)
{
        const char *state = passlock_tenancy_get_state(tenancy);

        if (streq(state, "unconfigured"))
                checkup_skip(checkup, "key", "there is none");
        else if (streq(state, "denied"))
                checkup_fault(checkup, "key", "as root: passlockctl set-key",
                              "the API refused it at the last call");
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

/* From the bottom up: what cannot be known because of a fault is left out. Returns 0 or -ENOMEM. */
static int check_everything(Checkup *checkup, const Invocation *invocation)
{
        _cleanup_(passlock_tenancy_unrefp) passlock_tenancy *tenancy = NULL;
        passlock *client = invocation->client;
        int r;

        check_start(checkup);
        if (!check_daemon(checkup, client) || !check_grants(checkup, client, invocation->tenancy) ||
            find_tenancy(checkup, client, &tenancy) != 0)
                return 0;
        check_credential(checkup, tenancy);
        r = doctor_check_api(checkup, passlock_tenancy_get_endpoint(tenancy), invocation->ca_file,
                             invocation->timeout_ms ?: TIMEOUT_MS_DEFAULT);
        if (r < 0)
                return r;
        check_key(checkup, tenancy);
        check_store(checkup, client);
        return 0;
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
