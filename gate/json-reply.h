/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "gate/method.h"
#include "gate/text-buffer.h"

/* Appends the reply of a method as a JSON object with the names of its arguments. 64-bit numbers
 * are exact. Returns 0 or a negative errno; see also `failed` of the buffer. */
int json_reply_append(sd_bus_message *reply, const GateArgument *arguments, TextBuffer *buffer);
