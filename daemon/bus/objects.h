/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/bus/dispatch/bus-state.h"

/* Removes all objects of tenancies, without signals. */
void objects_free(Bus *bus);
