/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/core/exchange.h"

/* Hashes the tenancy, uid, code and request id of a request: a retry has the same key.
 * `request->request_id` must not be NULL. Returns 0, or -ENOMEM with `ret_key` undefined. */
int idempotency_key_digest(const char *tenancy_id, const ExchangeRequest *request,
                           uint8_t ret_key[static IDEMPOTENCY_KEY_LEN]);
