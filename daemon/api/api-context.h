/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/api/api-internal.h"

/* Registers a call and starts it: at once, or in background when a slot is free. Returns 0 or the
 * result of api_call_start(). */
int api_context_start(ApiContext *context, ApiCall *call);
/* Unregisters a call; a freed slot goes to the next background call. */
void api_context_remove(ApiContext *context, ApiCall *call);

sd_event *api_context_event(const ApiContext *context);
