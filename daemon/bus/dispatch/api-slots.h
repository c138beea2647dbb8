/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/bus/dispatch/request.h"

/*
 * Shares the slots of an API, the calls that it answers at once, among the uids: a uid may take
 * four times as many as it leaves free. So a uid alone gets most of them, and calls of one uid that
 * hang leave slots for each further one.
 *
 * Gives the request a slot, if its method makes API calls. Returns 0; -EAGAIN if the request has to
 * wait for one; or LIMITS_EXCEEDED if it has waited as long as an API call may take.
 */
int api_slots_take(Request *request);
/* Before a wait for polkit. */
void api_slots_give_back(Request *request);
