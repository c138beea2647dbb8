/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/core/exchange.h"

/* A digest of all that makes a repeat the same: tenancy, uid, code and request id, which has to be
 * there. Returns 0 or -ENOMEM, and then what is in `ret_key` is nothing. */
int idempotency_key_digest(const char *tenancy_id, const ExchangeRequest *request,
                           uint8_t ret_key[static IDEMPOTENCY_KEY_LEN]);
