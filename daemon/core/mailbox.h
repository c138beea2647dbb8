/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/core/call.h"

/*
 * One-time codes by mail. Returns as described in call.h, and also NOT_CONFIGURED, and INVALID_ARGS
 * for metadata that is not a JSON object. Result: challenge, except for a delete. Not cancellable.
 */

int mailbox_create(Tenancy *tenancy, const ChallengeRequest *request, ResultFunc func,
                   void *userdata);
int mailbox_get(Tenancy *tenancy, const char *challenge_id, ResultFunc func, void *userdata);
int mailbox_verify(Tenancy *tenancy, const char *challenge_id, const char *secret, const char *code,
                   ResultFunc func, void *userdata);
int mailbox_delete(Tenancy *tenancy, const char *challenge_id, ResultFunc func, void *userdata);
