/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/metrics/report.h"

/* Adds CPU time, memory and file descriptors of this process; without those that cannot be read. */
void process_report(MetricsReport *report);
