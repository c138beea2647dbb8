/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/core/tenancy.h"
#include "daemon/model/management.h"
#include "daemon/model/passkey.h"

/*
 * The passkeys themselves, as the API keeps them. Starts return 0, a negative errno or
 * NOT_CONFIGURED; functions run once, never before start returns; what they are given is lent, and
 * there with r == 0 only.
 */

typedef void (*VaultPasskeyFunc)(int r, uint32_t retry_after_s, const Passkey *passkey,
                                 void *userdata);
/* `next_cursor` is "" after the last page. */
typedef void (*VaultListFunc)(int r, uint32_t retry_after_s, const PasskeyList *passkeys,
                              const char *next_cursor, void *userdata);
typedef void (*VaultManagementFunc)(int r, uint32_t retry_after_s, const Management *management,
                                    void *userdata);

/* What can be called off when nobody is interested any more. */
typedef struct VaultCall VaultCall;
/* The function will not run. NULL is fine. Returns NULL. */
VaultCall *vault_call_cancel(VaultCall *call);
DEFINE_CLEANUP(VaultCall *, vault_call_cancel);

int vault_get(Tenancy *tenancy, const char *passkey_id, VaultPasskeyFunc func, void *userdata,
              VaultCall **ret); /* NOT_FOUND */
/* `cursor` "" for the first page. */
int vault_list(Tenancy *tenancy, const char *cursor, VaultListFunc func, void *userdata,
               VaultCall **ret);
int vault_prune(Tenancy *tenancy, const char *user_id, VaultManagementFunc func, void *userdata,
                VaultCall **ret);

/* Changes are carried through. `display_name` may be NULL. */
int vault_update(Tenancy *tenancy, const char *user_id, const char *username,
                 const char *display_name, VaultManagementFunc func, void *userdata);

/*
 * A delete takes the local links with it before it is answered. If the API's answer is lost, each
 * of the passkeys is asked for, and the links go of those that are gone; what is answered is that
 * the API was unreachable, all the same, since the token is lost. STORE_FULL and STORE_FAILED if
 * the passkeys are gone and the links could not follow.
 */
int vault_delete(Tenancy *tenancy, char *const *passkey_ids, const AuditOrigin *origin,
                 VaultManagementFunc func, void *userdata);
int vault_delete_user(Tenancy *tenancy, const char *user_id, const AuditOrigin *origin,
                      VaultManagementFunc func, void *userdata);
