/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gate/gate.h"
#include "gate/method.h"

/* Calls a method of the client's tenancy, and replies. If the client disconnects, the call is
 * cancelled. */
void method_request_begin(Gate *gate, HttpRequest *request, const GateMethod *method);
