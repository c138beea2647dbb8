/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

#define TEXT_LEN_MAX      8192U
#define TEXT_LIST_LEN_MAX 4096U

/*
 * Whether a string may go to the bus. The bus cuts the connection of a client that sends anything
 * but UTF-8, and with it all other calls of the app: one user's odd name must not do that.
 */
bool text_is_sendable(const char *s);

/* The same for all of a list, which ends in NULL; too long a one is not. */
bool text_list_is_sendable(const char *const *list);

/* For text that is or may be secret. NULL is fine. */
void text_wipe_and_free(char *s);
