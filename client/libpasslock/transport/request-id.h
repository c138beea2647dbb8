/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The option that is an idempotency key. A call with it may be retried. */
#define REQUEST_ID_OPTION "request_id"
#define REQUEST_ID_SIZE   33U

/* Makes a random request id. Returns 0 or a negative errno. */
int request_id_make(char ret[static REQUEST_ID_SIZE]);
