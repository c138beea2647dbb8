/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/http/suspended-connection.h"
#include "sandbox/tenancy/sandbox.h"

/*
 * A request is one request on its way through libmicrohttpd: its body is gathered, a fault may
 * befall it, it may have to wait, and it is answered or its connection is closed.
 */

/* What visits are paid to: the userdata of the callbacks. */
typedef struct RequestContext {
        Sandbox *sandbox;
        SuspendedConnections suspended;
} RequestContext;

/* Callbacks of libmicrohttpd. */
enum MHD_Result request_on_access(void *userdata, struct MHD_Connection *connection,
                                  const char *path, const char *method, const char *version,
                                  const char *data, size_t *data_len, void **request);
void request_on_completed(void *userdata, struct MHD_Connection *connection, void **request,
                          enum MHD_RequestTerminationCode how);
