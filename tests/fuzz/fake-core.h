/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/bus/dispatch/request.h"

/*
 * Fakes of the layers that methods on the bus call: use cases in fake-core.c; peers, replies and
 * audit records in fake-dispatch.c. The fake use cases abort if an argument exceeds its documented
 * bounds, and reply at once.
 */

/* The number of calls of use cases. */
extern unsigned fake_n_calls;

/* The name of the error that was replied last; NULL: none. */
extern const char *fake_reply_error;
