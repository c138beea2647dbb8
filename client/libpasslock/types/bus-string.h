/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

#define BUS_STRING_LEN_MAX 8192U
#define BUS_STRV_LEN_MAX   4096U

/*
 * Whether a string may be sent on D-Bus: valid UTF-8 within the length limit. The bus disconnects a
 * client that sends an invalid string, which would fail all its other calls.
 */
bool bus_string_is_valid(const char *s);

/* The same for a NULL-terminated list, with a limit on its length. */
bool bus_strv_is_valid(const char *const *list);

/* Erases and frees a string that may be secret. Accepts NULL. */
void bus_string_erase_and_free(char *s);
