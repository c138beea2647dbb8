/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/http/suspended-connection.h"
#include "sandbox/tenancy/sandbox.h"

/*
 * An HTTP request in libmicrohttpd: the body is read, a fault may delay, replace or drop the reply.
 */

/* Userdata of the callbacks. */
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
