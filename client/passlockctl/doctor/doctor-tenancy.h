/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "client/passlockctl/doctor/check-report.h"
#include "client/passlockctl/host/daemon-environment.h"
#include "client/passlockctl/invocation.h"

/* What is to be looked at, and what is known of it. */
typedef struct TenancyCheck {
        const Invocation *invocation;
        uint32_t timeout_ms;
        const passlock_tenancy *tenancy; /* which the client has been set to */
        const DaemonEnvironment *environment;
        bool is_default;
        bool known_credential; /* the daemon itself has said what is wrong with it */
} TenancyCheck;

/* Checks what one tenancy needs: key, name of the endpoint, TLS, whether the API takes the key, the
 * clock. Returns 0 or -ENOMEM. */
int doctor_check_tenancy(CheckReport *checks, const TenancyCheck *check);
