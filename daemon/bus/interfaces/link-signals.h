/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/bus/dispatch/bus-state.h"

/* Sends Added or Removed to each connection that may read the links of the tenancy. */
void links_emit(BusTenancy *object, const char *member, const Link *link);
