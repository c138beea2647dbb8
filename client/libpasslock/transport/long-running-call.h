/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "client/libpasslock/transport/call.h"

/*
 * A call that takes as long as it takes: it has no deadline unless it is given one, may tell how
 * far it has come, and is never repeated.
 *
 * The service stops when the caller's connection closes, and has no other way to be told. So that
 * ending the call ends the work, and nothing else of the app's, it is on a connection of its own.
 */
int long_running_call_connection_new(passlock_call *call, Connection **ret);
