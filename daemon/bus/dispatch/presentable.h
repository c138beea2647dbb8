/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/*
 * Whether a text of 1 to `len_max` bytes can be shown to a person in quotation marks without
 * deception: valid, and without characters that end the quotation, change the direction of the
 * text, or are invisible.
 */
bool safe_text_is_quotable(const char *text, size_t len_max);
