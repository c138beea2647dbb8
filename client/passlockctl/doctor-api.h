/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "client/passlockctl/checkup.h"
#include "client/passlockctl/http.h"

/*
 * Checks the way to the API, its name and TLS, with a question that needs no key. Returns 0 with
 * the answer, or an outcome that is none, if that is bad; or -ENOMEM.
 */
int doctor_check_api(Checkup *checkup, const char *endpoint, const char *ca_file,
                     uint32_t timeout_ms, HttpAnswer *ret);

/* Compares the clock with what time the answer says it is. */
void doctor_check_clock(Checkup *checkup, const HttpAnswer *answer);
