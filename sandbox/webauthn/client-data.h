/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/webauthn/cbor-map.h"
#include "sandbox/webauthn/ceremony.h"

/*
 * Checks type, challenge and origin in clientDataJSON, and refuses cross-origin frames. Returns
 * NULL or a static error message.
 */
const char *client_data_check(Span json, const char *type, const Ceremony *ceremony);
