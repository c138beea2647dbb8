/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "examples/webapp/request.h"

/* Replies with what a return value of libpasslock (not 0) means to the person at the page. */
void request_fail_passlock(Request *request, int r);
