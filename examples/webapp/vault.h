/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "examples/webapp/request.h"

/* Handlers of /api/passkeys that change what the vault has, and let the page tell the device. */
void vault_on_update(Request *request);
void vault_on_prune(Request *request);
void vault_on_delete(Request *request);
