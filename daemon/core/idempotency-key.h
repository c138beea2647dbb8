/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/core/exchange.h"

/* Hashes the tenancy, caller, code and request id of a request: a retry has the same key. The
 * caller is its uid; in a shared store the name of its grant, "root", or without either the uid.
 * `request->request_id` must not be NULL. Returns 0, or -ENOMEM with `ret_key` undefined. */
int idempotency_key_digest(const char *tenancy_id, const ExchangeRequest *request, bool is_shared,
                           uint8_t ret_key[static IDEMPOTENCY_KEY_LEN]);
