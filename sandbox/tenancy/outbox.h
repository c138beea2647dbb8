/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/macro.h"

/* Where mail goes: an array to be looked at, and never the network. */

enum { OUTBOX_MAX = 1000 };

/* Delivers a mail, which is taken over. The oldest makes room. */
void outbox_deliver(json_t *outbox, json_t *mail);
