/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <microhttpd.h>

#include "sandbox/tenancy/reply.h"

/* What libmicrohttpd sends. Each returns an owned response: MHD_destroy_response(). */

struct MHD_Response *response_whole(const Reply *reply);

/* Announces the whole body and sends the first half; then the connection is closed. */
struct MHD_Response *response_cut(const Reply *reply);

/* A JSON object of exactly this many bytes, made up as it is sent. */
struct MHD_Response *response_large(uint64_t len);
