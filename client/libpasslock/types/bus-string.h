/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

#define BUS_STRING_LEN_MAX 8192U
#define BUS_STRV_LEN_MAX   4096U

/*
 * Whether a string may go to the bus. The bus cuts the connection of a client that sends anything
 * but UTF-8, and with it all other calls of the app: one user's odd name must not do that.
 */
bool bus_string_is_valid(const char *s);

/* The same for all of a list, which ends in NULL; too long a one is not. */
bool bus_strv_is_valid(const char *const *list);

/* For text that is or may be secret. NULL is fine. */
void bus_string_erase_and_free(char *s);
