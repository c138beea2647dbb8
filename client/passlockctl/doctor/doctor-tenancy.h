/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "client/passlockctl/doctor/check-report.h"
#include "client/passlockctl/host/daemon-environment.h"
#include "client/passlockctl/invocation.h"

/* Context of a tenancy's checks. */
typedef struct TenancyCheck {
        const Invocation *invocation;
        uint32_t timeout_ms;
        const passlock_tenancy *tenancy; /* the client's current tenancy */
        const DaemonEnvironment *environment;
        bool is_default;
        bool known_credential; /* the daemon's findings cover the credential */
} TenancyCheck;

/*
 * Checks a tenancy: key, name resolution and TLS of the endpoint, the API's answer to the key, the
 * clock. Returns 0 or -ENOMEM.
 */
int doctor_check_tenancy(CheckReport *checks, const TenancyCheck *check);
