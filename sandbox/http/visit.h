/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/http/waiting.h"
#include "sandbox/tenancy/sandbox.h"

/*
 * A visit is one request on its way through libmicrohttpd: its body is gathered, a fault may befall
 * it, it may have to wait, and it is answered or its connection is closed.
 */

/* What visits are paid to: the userdata of the callbacks. */
typedef struct Host {
        Sandbox *sandbox;
        WaitingRoom waiting_room;
} Host;

/* Callbacks of libmicrohttpd. */
enum MHD_Result visit_on_request(void *userdata, struct MHD_Connection *connection,
                                 const char *path, const char *method, const char *version,
                                 const char *data, size_t *data_len, void **visit);
void visit_on_completed(void *userdata, struct MHD_Connection *connection, void **visit,
                        enum MHD_RequestTerminationCode how);
