/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "examples/webapp/request.h"

/* Handlers of /api/passkeys: each a call of libpasslock, or two. The userdata is the App. */
void passkey_on_list(Request *request, void *userdata);
void passkey_on_authorize(Request *request, void *userdata);
void passkey_on_exchange(Request *request, void *userdata);
void passkey_on_remove(Request *request, void *userdata);
