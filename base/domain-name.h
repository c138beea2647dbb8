/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* Whether a text is a domain name, as relying party ids are: up to 253 bytes, labels of letters,
 * digits and inner hyphens (xn--… for others), the last one not a number; no IP address, no
 * trailing dot. False for NULL. */
bool domain_name_is_valid(const char *s);
