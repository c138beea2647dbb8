/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/tenancy/fault.h"
#include "sandbox/tenancy/reply.h"

/* Returns the owned reply of a fault that replaces the handler, or NULL for other faults. */
Reply *fault_injection_reply(const Fault *fault);

/*
 * Removes a member of a 2xx reply or changes its type: the member named by the fault, or the
 * route's field.
 */
void fault_injection_alter(const Fault *fault, const char *field, Reply *reply);
