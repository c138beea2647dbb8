/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/*
 * Whether a text of 1 to `len_max` bytes can be shown to a person, between quotation marks, so that
 * he sees what it is: valid, and without characters that end the quotation, turn the direction of
 * what follows, or are not seen at all.
 */
bool text_is_presentable(const char *text, size_t len_max);
