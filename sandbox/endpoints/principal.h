/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sandbox/endpoints/call.h"

/*
 * Issues a code and an id_token after a verified ceremony. Returns the owned reply to the page,
 * with the given _tag.
 */
Reply *principal_issue(const Call *call, const json_t *passkey, bool user_verified,
                       const char *tag);
