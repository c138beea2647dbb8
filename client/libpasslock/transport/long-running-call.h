/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "client/libpasslock/transport/call.h"

/*
 * A call without a default deadline, with progress reports, and never retried.
 *
 * The service aborts the work when the caller's connection closes; there is no other way to cancel
 * it. A dedicated connection lets the client cancel one call and nothing else.
 */
int long_running_call_connection_new(passlock_call *call, Connection **ret);
