/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gate/gate.h"

/* Serves a request: by a method, a stream, or a document. */
void route_request(Gate *gate, HttpRequest *request);
