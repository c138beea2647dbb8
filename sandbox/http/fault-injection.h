/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/tenancy/fault.h"
#include "sandbox/tenancy/reply.h"

/* Returns what the fault answers in place of the work, owned, or NULL if the work is done. */
Reply *fault_injection_reply(const Fault *fault);

/*
 * Spoils a good answer: gives a member another type, or leaves it out. It is the member that the
 * fault names, or else this field of the call. Errors stay as they are.
 */
void fault_injection_alter(const Fault *fault, const char *field, Reply *reply);
