/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "client/passlockctl/checkup.h"

/*
 * Checks the way to the API: its name, TLS and the clock, with a question that needs no key.
 * Returns 0, also if that is bad, or -ENOMEM.
 */
int doctor_check_api(Checkup *checkup, const char *endpoint, const char *ca_file,
                     uint32_t timeout_ms);
