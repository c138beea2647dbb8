/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/macro.h"

/* The outbox: mail is kept for tests to read, never sent. */

enum { OUTBOX_MAX = 1000 };

/* Appends a mail, with ownership; drops the oldest of OUTBOX_MAX. */
void outbox_deliver(json_t *outbox, json_t *mail);
