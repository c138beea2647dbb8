/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/webauthn/cbor-map.h"
#include "sandbox/webauthn/ceremony.h"

/*
 * Checks what the browser says in clientDataJSON: the type ("webauthn.create"), and the challenge
 * and origin of the ceremony, not within another site's frame. Returns NULL, or what is wrong in a
 * static sentence.
 */
const char *client_data_check(Span json, const char *type, const Ceremony *ceremony);
