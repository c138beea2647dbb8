/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "examples/webapp/request.h"

/* Handlers of /api/passkeys: update, prune and delete. */
void vault_on_update(Request *request);
void vault_on_prune(Request *request);
void vault_on_delete(Request *request);
