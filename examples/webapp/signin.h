/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "examples/webapp/request.h"

/* Handlers of /api/signin, one libpasslock call each. */
void signin_on_authorize(Request *request);
void signin_on_exchange(Request *request);
