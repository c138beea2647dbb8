/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "examples/webapp/request.h"

/* Replies with a message for the user, from an error of libpasslock (not 0). */
void request_fail_passlock(Request *request, int r);
