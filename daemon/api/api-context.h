/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/api/api-call.h"

/* Takes a new call into the process's list of calls, and starts it: at once, or for a background
 * call when a slot is free. Returns 0 or what api_call_start() does. */
int api_context_start(ApiContext *context, ApiCall *call);
/* Takes a call out of the list; a slot that it had goes to the next background call. */
void api_context_remove(ApiContext *context, ApiCall *call);

sd_event *api_context_event(const ApiContext *context);
