/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/endpoints/call.h"

/*
 * Testifies that a ceremony with this passkey was verified just now: issues a code and an id_token.
 * Returns the reply to the page, owned, under the given _tag.
 */
Reply *principal_issue(const Call *call, const json_t *passkey, bool user_verified,
                       const char *tag);
