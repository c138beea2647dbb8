/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <microhttpd.h>

#include "sandbox/tenancy/reply.h"

/* Responses of libmicrohttpd, owned: MHD_destroy_response(). */

struct MHD_Response *response_whole(const Reply *reply);

/* Truncated: Content-Length of the whole body, half of the body, then the connection is closed. */
struct MHD_Response *response_cut(const Reply *reply);

/* A JSON object of exactly len bytes, generated while sending. */
struct MHD_Response *response_large(uint64_t len);
