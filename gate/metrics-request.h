/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gate/gate.h"

/* Replies with the metrics of the gate, after those of the daemon if the gate's user has the right
 * Metrics and the daemon answers in time. */
void metrics_request_begin(Gate *gate, HttpRequest *request);
