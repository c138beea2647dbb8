/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <inttypes.h>
#include <sys/statvfs.h>

#include "build-config.h"
#include "client/passlockctl/doctor/doctor.h"
#include "client/passlockctl/doctor/service.h"
#include "client/passlockctl/host/system-bus.h"
#include "client/passlockctl/host/systemd-unit.h"
#include "client/passlockctl/terminal/report.h"
#include "client/passlockctl/verbs/verbs.h"

#define TIMEOUT_MS_DEFAULT 10000U
#define STATE_DIR          "/var/lib/passlockd"
#define FREE_MIB_MIN       64U
#define CONFIG_FILE        "/etc/passlock/passlockd.conf"

typedef struct Examination {
        CheckReport *checks;
        const Invocation *invocation;
        passlock *client;
        passlock_finding_list *findings;    /* found by the daemon; NULL if not available */
        DaemonEnvironment *environment;     /* of the daemon */
        DaemonEnvironment *key_environment; /* of the key holder */
        bool no_key_holder;
        uint32_t timeout_ms;
        char *default_label; /* of the default tenancy; NULL: unknown */
        uint64_t n_links;    /* of all checked tenancies */
} Examination;

static void check_version(CheckReport *checks, const char *version)
{
        if (streq(version, PACKAGE_VERSION))
                check_report_ok(checks, "daemon", "version %s", version);
        else
                check_report_fault(checks, "daemon",
                                   "restart it after an upgrade: systemctl restart " UNIT,
                                   "version %s differs from passlockctl " PACKAGE_VERSION, version);
}

/* Reports whether the bus or the daemon does not respond. */
static void report_timeout(CheckReport *checks)
{
        _cleanup_(system_bus_freep) SystemBus *bus = system_bus_new(SYSTEM_BUS_TIMEOUT_MS);

        if (!bus)
                check_report_fault(checks, "daemon", "check the bus: systemctl status dbus",
                                   "the system bus does not respond");
        else if (system_bus_has_service(bus))
                check_report_fault(checks, "daemon", "restart it: " UNIT_RESTART_COMMAND,
                                   "the daemon does not respond");
        else
                check_report_fault(checks, "daemon", "start it: systemctl start " UNIT, "%s",
                                   passlock_strerror(-ETIMEDOUT));
}

static void report_no_daemon(const Examination *e, int r)
{
        const char *text = passlock_last_error_text(e->client);

        if (r == PASSLOCK_ERROR_LIMITS_EXCEEDED)
                check_report_fault(
                        e->checks, "daemon",
                        "close some connections of this user; as root, busctl --unique lists them",
                        "%s", text);
        else if (r == -ETIMEDOUT)
                report_timeout(e->checks);
        else
                check_report_fault(e->checks, "daemon",
                                   r == -ENOTCONN ? "start it: systemctl start dbus"
                                                  : "start it: systemctl start " UNIT,
                                   "%s%s%s", passlock_strerror(r),
                                   streq(text, passlock_strerror(r)) ? "" : ": ",
                                   streq(text, passlock_strerror(r)) ? "" : text);
}

/* Any local user may read the version, so AccessDenied comes from the bus policy. */
static bool check_daemon(const Examination *e)
{
        _cleanup_(freep) char *version = NULL;
        int r;

        r = passlock_get_version(e->client, &version);
        if (r == 0) {
                check_version(e->checks, version);
                return true;
        }
        if (r == PASSLOCK_ERROR_ACCESS_DENIED) {
                check_report_skipped(e->checks, "daemon", "access denied");
                check_report_fault(
                        e->checks, "bus policy",
                        "install dev.passlock.Passlock1.conf in /usr/share/dbus-1/system.d; then: "
                        "systemctl reload dbus; " UNIT_RESTART_COMMAND,
                        "the bus policy denies calls to the daemon");
        } else if (check_report_n_faults(e->checks) > 0)
                check_report_skipped(e->checks, "daemon", "not running");
        else
                report_no_daemon(e, r);
        return false;
}

/* Starts the service first, so that a failed unit does not cost the call's timeout. */
static bool check_service(const Examination *e)
{
        ServiceStart start = service_start(e->invocation);
        bool ask = doctor_check_unit(e->checks);

        if (ask && (start == SERVICE_FAILS || start == SERVICE_LATE)) {
                if (check_report_n_faults(e->checks) > 0)
                        check_report_skipped(e->checks, "daemon", "not running");
                else
                        check_report_fault(e->checks, "daemon", "see journalctl -u passlockd",
                                           UNIT " failed to start");
                return false;
        }
        return ask && check_daemon(e);
}

static void report_no_tenancy(const Examination *e, int r)
{
        check_report_fault(e->checks, "tenancy",
                           "as root: add a [Tenancy ...] section to " CONFIG_FILE
                           "; then: passlockctl reload; passlockctl status lists the tenancies",
                           "%s", passlock_strerror(r));
}

/* Free disk space; only root can access the state directory. */
static void check_space(const Examination *e)
{
        const char *dir = daemon_environment_get(e->environment, "STATE_DIRECTORY");
        struct statvfs fs;
        uint64_t free_mib;

        dir = dir ?: STATE_DIR;
        if (geteuid() != 0 || statvfs(dir, &fs) < 0) {
                check_report_ok(e->checks, "store", "%" PRIu64 " links", e->n_links);
                return;
        }
        free_mib = (uint64_t) fs.f_bavail * fs.f_frsize >> 20;
        if (free_mib < FREE_MIB_MIN)
                check_report_fault(e->checks, "store",
                                   "free disk space; changes that cannot be stored are refused",
                                   "%" PRIu64 " links, but only %" PRIu64 " MiB free in %s",
                                   e->n_links, free_mib, dir);
        else
                check_report_ok(e->checks, "store", "%" PRIu64 " links, %" PRIu64 " MiB free in %s",
                                e->n_links, free_mib, dir);
}

/* Adds up the links. Returns whether the store is readable. */
static bool count_links(Examination *e)
{
        uint64_t n_links;
        int r;

        r = passlock_links_count(e->client, &n_links);
        if (r == 0)
                e->n_links += n_links;
        else
                check_report_fault(e->checks, "store", "see journalctl -u passlockd", "%s",
                                   passlock_strerror(r));
        return r == 0;
}

/* Returns 0, -ENOMEM, or 1 to skip the remaining checks. */
static int check_tenancy(Examination *e, const char *label, bool heading)
{
        _cleanup_(passlock_tenancy_unrefp) passlock_tenancy *tenancy = NULL;
        TenancyCheck check = {
                .invocation = e->invocation,
                .timeout_ms = e->timeout_ms,
                .environment = e->key_environment,
                .no_key_holder = e->no_key_holder,
                .is_default = streq_ptr(label, e->default_label),
        };
        int r;

        r = passlock_set_tenancy(e->client, label);
        if (r == 0)
                r = passlock_get_tenancy(e->client, &tenancy);
        if (r != 0) {
                report_no_tenancy(e, r);
                return r == -ENOMEM ? r : 1;
        }
        check_report_begin_tenancy(e->checks, label, heading);
        check.tenancy = tenancy;
        check.known_credential = doctor_show_findings(e->checks, e->findings, label);
        r = doctor_check_tenancy(e->checks, &check);
        if (r == 0)
                r = count_links(e) ? 0 : 1;
        check_report_begin_tenancy(e->checks, NULL, false);
        return r;
}

/* Looks up the default tenancy; reports if it does not exist or access is denied. Returns 0 or
 * -ENOMEM. */
static int find_default(Examination *e)
{
        _cleanup_(passlock_tenancy_unrefp) passlock_tenancy *tenancy = NULL;
        bool named = e->invocation->tenancy;
        int r;

        (void) passlock_set_tenancy(e->client, NULL);
        r = passlock_get_tenancy(e->client, &tenancy);
        if (r == PASSLOCK_ERROR_UNKNOWN_OBJECT && !named)
                report_no_tenancy(e, r);
        else if (r == PASSLOCK_ERROR_ACCESS_DENIED && !named)
                check_report_skipped(e->checks, "tenancy",
                                     "access to the default tenancy denied; use --tenancy=LABEL");
        if (r != 0)
                return 0;
        e->default_label = strdup(passlock_tenancy_get_label(tenancy));
        return e->default_label ? 0 : -ENOMEM;
}

static int check_tenancies(Examination *e)
{
        _cleanup_(passlock_tenancy_list_unrefp) passlock_tenancy_list *list = NULL;
        size_t n;
        int r;

        r = find_default(e);
        if (r < 0)
                return r;
        if (e->invocation->tenancy)
                return check_tenancy(e, e->invocation->tenancy, false);
        r = passlock_list_tenancies(e->client, &list);
        if (r != 0) {
                report_no_tenancy(e, r);
                return r == -ENOMEM ? r : 1;
        }
        n = passlock_tenancy_list_get_size(list);
        for (size_t i = 0; r == 0 && i < n; i++)
                r = check_tenancy(e, passlock_tenancy_get_label(passlock_tenancy_list_get(list, i)),
                                  n > 1);
        return r;
}

/* Skips checks whose prerequisites failed. Returns 0 or -ENOMEM. */
static int check_everything(Examination *e)
{
        int r;

        if (!check_service(e))
                return 0;
        e->environment = daemon_environment_new();
        e->key_environment = daemon_environment_new_for_keys();
        if (!e->environment || !e->key_environment)
                return -ENOMEM;
        check_report_ok(e->checks, "bus policy", "calls to the daemon are allowed");
        if (!doctor_check_rights(e->checks, e->client, e->invocation->tenancy))
                return 0;
        /* Denied unless root or authorized by polkit. */
        (void) passlock_diagnose(e->client, &e->findings);
        (void) doctor_show_findings(e->checks, e->findings, "");
        doctor_check_shared_store(e->checks, e->client);
        e->no_key_holder = !doctor_check_key_holder(e->checks, e->findings);
        r = check_tenancies(e);
        if (r == 0)
                check_space(e);
        return r < 0 ? r : 0;
}

int verb_doctor(Invocation *invocation)
{
        _cleanup_(check_report_freep) CheckReport *checks =
                check_report_new(invocation->json ? CHECK_REPORT_JSON : CHECK_REPORT_TEXT);
        Examination examination = {
                .checks = checks,
                .invocation = invocation,
                .client = invocation->client,
                .timeout_ms = invocation->timeout_ms ?: TIMEOUT_MS_DEFAULT,
        };
        const char *error;
        int r;

        r = http_load(&error);
        if (r < 0) {
                report("Failed to load %s; install the library and repeat this command", error);
                return EXIT_OURS;
        }
        r = checks ? 0 : -ENOMEM;
        if (r == 0)
                r = passlock_set_timeout_ms(invocation->client, examination.timeout_ms);
        if (r == 0)
                r = check_everything(&examination);
        if (r == 0)
                r = check_report_end(checks);
        passlock_finding_list_unref(examination.findings);
        daemon_environment_free(examination.environment);
        daemon_environment_free(examination.key_environment);
        free(examination.default_label);
        if (r < 0) {
                report("%s", passlock_strerror(r));
                return EXIT_OURS;
        }
        return check_report_n_faults(checks) > 0 ? EXIT_OURS : 0;
}
