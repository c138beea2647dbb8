/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The checks of passlockctl doctor; each heading names the file. */

#include "client/passlockctl/doctor/check-report.h"
#include "client/passlockctl/host/daemon-environment.h"
#include "client/passlockctl/host/http.h"
#include "client/passlockctl/host/unit-credentials.h"
#include "client/passlockctl/invocation.h"

/* doctor-unit.c */

/*
 * Checks the unit's last start and its configuration. Returns false if calls to the daemon would
 * fail.
 */
bool doctor_check_unit(CheckReport *checks);

/* doctor-keyholder.c */

#define KEY_HOLDER_HEADING "key holder"

/*
 * Checks the key holder: its socket and its service, and the daemon's finding (`findings` may be
 * NULL). Returns whether there is no fault.
 */
bool doctor_check_key_holder(CheckReport *checks, const passlock_finding_list *findings);

/* Reports settings of the daemon's unit that belong to that of the key holder. Returns whether
 * there are any. */
bool doctor_check_misplaced_settings(CheckReport *checks);

/* doctor-rights.c */

/*
 * Reports the caller's permissions by grants and by polkit. `label` is NULL for any tenancy.
 * Returns whether a grant gives access.
 */
bool doctor_check_rights(CheckReport *checks, passlock *client, const char *label);

/* doctor-findings.c */

/*
 * Reports the daemon's findings about a tenancy, or, with "", those about no tenancy but the one
 * about the key holder. `findings` may be NULL. Returns whether a finding about the credential was
 * reported; for root it is skipped, because doctor_check_credential() reports more.
 */
bool doctor_show_findings(CheckReport *checks, const passlock_finding_list *findings,
                          const char *label);

/* doctor-store.c */

#define STORE_HEADING "store"

/* Reports the state of a shared store, for callers that may know it. The daemon's findings have the
 * rest. */
void doctor_check_shared_store(CheckReport *checks, passlock *client);

/* doctor-tenancy.c */

/* Context of a tenancy's checks. */
typedef struct TenancyCheck {
        const Invocation *invocation;
        uint32_t timeout_ms;
        const passlock_tenancy *tenancy; /* the client's current tenancy */
        const DaemonEnvironment *environment;
        bool is_default;
        bool known_credential; /* the daemon's findings cover the credential */
        bool no_key_holder;    /* calls need it */
} TenancyCheck;

/*
 * Checks a tenancy: key, name resolution and TLS of the endpoint, the API's answer to the key, the
 * clock. Returns 0 or -ENOMEM.
 */
int doctor_check_tenancy(CheckReport *checks, const TenancyCheck *check);

/* doctor-credential.c */

/* Reports each credential file that keeps systemd from starting the key holder; details for root
 * only. */
void doctor_check_unusable_credentials(CheckReport *checks);

/*
 * Finds the credential files that keep systemd from starting the key holder and calls found() for
 * each; `problem` is a predicate, such as "is not readable". For root. Returns their number.
 */
typedef void (*UnusableFunc)(const CredentialSetting *setting, const char *path,
                             const char *problem, void *userdata);
unsigned credential_find_unusable(UnusableFunc found, void *userdata);

/*
 * Checks whether the tenancy has a key, and why not; details for root only. `advice` is advice on
 * how to set one.
 */
void doctor_check_credential(CheckReport *checks, const passlock_tenancy *tenancy,
                             const DaemonEnvironment *environment, const char *advice);

/* doctor-api.c */

/* The route to the API. */
typedef struct ApiRoute {
        const char *endpoint;
        const char *ca_file; /* NULL: system CAs */
        const char *proxy;   /* the daemon's proxy; NULL: none */
        uint32_t timeout_ms;
        bool daemon_gets_answers; /* a failure of passlockctl is no fault */
} ApiRoute;

/*
 * Checks name resolution and TLS of the endpoint, through the daemon's proxy, with a request that
 * needs no key. Returns 0 with the response or its failure, or -ENOMEM.
 */
int doctor_check_api(CheckReport *checks, const ApiRoute *route, HttpResponse *ret);

/* Compares the clock with the response's Date header. */
void doctor_check_clock(CheckReport *checks, const HttpResponse *answer);
