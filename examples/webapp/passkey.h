/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "examples/webapp/request.h"

/* Handlers of /api/passkeys: list and registration, one libpasslock call each. */
void passkey_on_list(Request *request);
void passkey_on_authorize(Request *request);
void passkey_on_exchange(Request *request);
