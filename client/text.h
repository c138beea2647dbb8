/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

#define TEXT_LEN_MAX 8192U

/*
 * Whether a string may go to the bus. The bus cuts the connection of a client that sends anything
 * but UTF-8, and with it all other calls of the app: one user's odd name must not do that.
 */
bool text_is_sendable(const char *s);
