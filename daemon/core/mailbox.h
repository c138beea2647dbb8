/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/core/tenancy.h"
#include "daemon/model/challenge.h"

/*
 * One-time codes by mail. Starts return 0, a negative errno, NOT_CONFIGURED, or INVALID_ARGS for
 * metadata that is no JSON object. All are carried through. Functions run once, never before start
 * returns; the challenge is lent, there with r == 0 only, and NULL for a delete.
 */
typedef void (*MailboxFunc)(int r, uint32_t retry_after_s, const Challenge *challenge,
                            void *userdata);

int mailbox_create(Tenancy *tenancy, const ChallengeRequest *request, MailboxFunc func,
                   void *userdata);
int mailbox_get(Tenancy *tenancy, const char *challenge_id, MailboxFunc func, void *userdata);
int mailbox_verify(Tenancy *tenancy, const char *challenge_id, const char *secret, const char *code,
                   MailboxFunc func, void *userdata);
int mailbox_delete(Tenancy *tenancy, const char *challenge_id, MailboxFunc func, void *userdata);
