/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "client/passlockctl/invocation.h"

/* Each verb reports its errors and returns the exit status. */
int verb_status(Invocation *invocation);
int verb_store_status(Invocation *invocation);
int verb_store_verify(Invocation *invocation);
int verb_store_join(Invocation *invocation);
int verb_store_leave(Invocation *invocation);
int verb_metrics(Invocation *invocation);
int verb_audit(Invocation *invocation);
int verb_explain(Invocation *invocation);
int verb_suggest_grant(Invocation *invocation);
int verb_doctor(Invocation *invocation);
int verb_set_key(Invocation *invocation);
int verb_reload(Invocation *invocation);
int verb_authorize(Invocation *invocation);
int verb_authenticate(Invocation *invocation);
int verb_exchange(Invocation *invocation);
int verb_verify_token(Invocation *invocation);
int verb_link_list(Invocation *invocation);
int verb_link_show(Invocation *invocation);
int verb_link_add(Invocation *invocation);
int verb_link_remove(Invocation *invocation);
int verb_export(Invocation *invocation);
int verb_import(Invocation *invocation);
int verb_reconcile(Invocation *invocation);
int verb_monitor(Invocation *invocation);
int verb_vault_get(Invocation *invocation);
int verb_vault_list(Invocation *invocation);
int verb_vault_update(Invocation *invocation);
int verb_vault_delete(Invocation *invocation);
int verb_vault_prune(Invocation *invocation);
int verb_mailbox_create(Invocation *invocation);
int verb_mailbox_get(Invocation *invocation);
int verb_mailbox_verify(Invocation *invocation);
int verb_mailbox_delete(Invocation *invocation);
