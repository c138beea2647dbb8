/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "client/passlockctl/doctor/doctor.h"
#include "client/passlockctl/host/systemd-unit.h"

#define START_SOCKET_COMMAND "systemctl start " KEY_HOLDER_SOCKET

/* Whether systemd can start a unit; reports if not. */
static bool check_loaded(CheckReport *checks, const char *unit, UnitStart start)
{
        if (start == UNIT_START_MASKED)
                check_report_fault(checks, KEY_HOLDER_HEADING,
                                   "as root: systemctl unmask " KEY_HOLDER_SOCKET
                                   " " KEY_HOLDER_UNIT "; " START_SOCKET_COMMAND,
                                   "%s is masked and cannot be started", unit);
        else if (start == UNIT_START_NO_UNIT)
                check_report_fault(checks, KEY_HOLDER_HEADING, "install it with passlockd again",
                                   "%s is not installed", unit);
        return start != UNIT_START_MASKED && start != UNIT_START_NO_UNIT;
}

static bool check_socket(CheckReport *checks)
{
        if (systemd_unit_is_active(KEY_HOLDER_SOCKET))
                return true;
        check_report_fault(checks, KEY_HOLDER_HEADING, "as root: " START_SOCKET_COMMAND,
                           KEY_HOLDER_SOCKET " is not active, so the daemon cannot connect");
        return false;
}

static bool check_service(CheckReport *checks, UnitStart start)
{
        _cleanup_(freep) char *error = NULL;

        if (start == UNIT_START_NO_CREDENTIALS) {
                check_report_skipped(checks, KEY_HOLDER_HEADING,
                                     "not running, systemd failed to load a credential");
                doctor_check_unusable_credentials(checks);
                return false;
        }
        if (start != UNIT_START_FAILED)
                return true;
        error = systemd_unit_last_error(KEY_HOLDER_UNIT);
        check_report_fault(
                checks, KEY_HOLDER_HEADING,
                "see journalctl -u passlock-keyholder; systemd starts it again every second",
                "the last start of " KEY_HOLDER_UNIT " failed%s%s", error ? ": " : "", error ?: "");
        return false;
}

static bool check_units(CheckReport *checks)
{
        UnitStart socket = systemd_unit_last_start(KEY_HOLDER_SOCKET);
        UnitStart service = systemd_unit_last_start(KEY_HOLDER_UNIT);

        return check_loaded(checks, KEY_HOLDER_SOCKET, socket) &&
               check_loaded(checks, KEY_HOLDER_UNIT, service) && check_socket(checks) &&
               check_service(checks, service);
}

static const passlock_finding *find(const passlock_finding_list *findings)
{
        for (size_t i = 0; findings && i < passlock_finding_list_get_size(findings); i++) {
                const passlock_finding *finding = passlock_finding_list_get(findings, i);

                if (streq(passlock_finding_get_kind(finding), "key-holder") &&
                    !*passlock_finding_get_tenancy(finding))
                        return finding;
        }
        return NULL;
}

/* The units are good: if the service does not respond, only a restart helps before its watchdog. */
static bool check_finding(CheckReport *checks, const passlock_finding *finding, bool is_service)
{
        if (finding)
                check_report_fault(checks, KEY_HOLDER_HEADING,
                                   is_service ? "as root: " KEY_HOLDER_RESTART_COMMAND
                                              : passlock_finding_get_advice(finding),
                                   "%s", passlock_finding_get_text(finding));
        return !finding;
}

static const char *const proxies[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};

/* Without a proxy of its own, the key holder does not use that of the daemon. */
static bool check_proxy(CheckReport *checks)
{
        _cleanup_(daemon_environment_freep) DaemonEnvironment *daemon = daemon_environment_new();
        _cleanup_(daemon_environment_freep) DaemonEnvironment *keys =
                daemon_environment_new_for_keys();
        const char *found = NULL;

        for (size_t i = 0; daemon && keys && i < ARRAY_SIZE(proxies); i++) {
                if (daemon_environment_get(keys, proxies[i]))
                        return true;
                if (daemon_environment_get(daemon, proxies[i]))
                        found = proxies[i];
        }
        if (found)
                check_report_fault(checks, KEY_HOLDER_HEADING,
                                   "set it for " KEY_HOLDER_UNIT
                                   " as well, by a drop-in; then, as root: "
                                   "systemctl daemon-reload; " KEY_HOLDER_RESTART_COMMAND,
                                   "%s is set for " UNIT ", which does not use the network", found);
        return !found;
}

bool doctor_check_misplaced_settings(CheckReport *checks)
{
        _cleanup_(unit_credentials_freep) UnitCredentials *credentials = unit_credentials_new(UNIT);
        const CredentialSetting *setting;
        bool found = false;

        for (size_t i = 0; credentials && (setting = unit_credentials_at(credentials, i)); i++) {
                /* A drop-in of an earlier version is gone after daemon-reload. */
                if (setting->generated)
                        continue;
                found = true;
                check_report_fault(
                        checks, KEY_HOLDER_HEADING,
                        "move the setting to a drop-in in "
                        "/etc/systemd/system/" KEY_HOLDER_UNIT
                        ".d; then, as root: systemctl daemon-reload; " UNIT_RESTART_COMMAND,
                        "%s:%u: %s=%s is a setting of " UNIT
                        ", but the keys are loaded by " KEY_HOLDER_UNIT,
                        setting->file, setting->line, setting->setting, setting->id);
        }
        return found;
}

bool doctor_check_key_holder(CheckReport *checks, const passlock_finding_list *findings)
{
        const passlock_finding *finding = find(findings);
        bool is_service = systemd_unit_is_active(UNIT);

        if (is_service && !check_units(checks))
                return false;
        if (!check_finding(checks, finding, is_service))
                return false;
        if (is_service && (doctor_check_misplaced_settings(checks) || !check_proxy(checks)))
                return true; /* calls may work in spite of these */
        if (is_service || findings)
                check_report_ok(checks, KEY_HOLDER_HEADING, "ready");
        return true;
}
