/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "client/passlockctl/command-line/option.h"
#include "client/passlockctl/command-line/verb.h"
#include "client/passlockctl/verbs/verbs.h"

#define PASSKEYS_MAX 100

#define AUTHORIZE_OPTIONS \
        (OPTION_BIT(OPTION_RP_NAME) | OPTION_BIT(OPTION_DISPLAY_NAME) | \
         OPTION_BIT(OPTION_EXCLUDE) | OPTION_BIT(OPTION_NO_EXCLUDE_LINKED) | \
         OPTION_BIT(OPTION_USER_VERIFICATION) | OPTION_BIT(OPTION_CEREMONY_TIMEOUT_MS))

#define AUTHENTICATE_OPTIONS \
        (OPTION_BIT(OPTION_USER_ID) | OPTION_BIT(OPTION_ALLOW) | OPTION_BIT(OPTION_DISCOVERABLE) | \
         OPTION_BIT(OPTION_MEDIATION) | OPTION_BIT(OPTION_USER_VERIFICATION) | \
         OPTION_BIT(OPTION_CEREMONY_TIMEOUT_MS))

#define EXCHANGE_OPTIONS \
        (OPTION_BIT(OPTION_USER_ID) | OPTION_BIT(OPTION_NO_LINK) | OPTION_BIT(OPTION_REQUEST_ID))

#define MAILBOX_CREATE_OPTIONS \
        (OPTION_BIT(OPTION_NAME) | OPTION_BIT(OPTION_USER_ID) | OPTION_BIT(OPTION_METADATA) | \
         OPTION_BIT(OPTION_INVALIDATE_OTHERS) | OPTION_BIT(OPTION_SKIP_RATE_LIMIT) | \
         OPTION_BIT(OPTION_NO_EMAIL))

#define IMPORT_OPTIONS (OPTION_BIT(OPTION_DRY_RUN) | OPTION_BIT(OPTION_ANY_TENANCY))

#define RECONCILE_OPTIONS \
        (OPTION_BIT(OPTION_APPLY) | OPTION_BIT(OPTION_REMOVE_UP_TO) | OPTION_BIT(OPTION_YES))

#define VAULT_DELETE_OPTIONS (OPTION_BIT(OPTION_USER) | OPTION_BIT(OPTION_YES))

#define SET_KEY_OPTIONS \
        (OPTION_BIT(OPTION_CREDENTIAL) | OPTION_BIT(OPTION_PLAIN) | OPTION_BIT(OPTION_CA_FILE) | \
         OPTION_BIT(OPTION_STORE_DIR))

#define AUDIT_OPTIONS \
        (OPTION_BIT(OPTION_SINCE) | OPTION_BIT(OPTION_UNTIL) | OPTION_BIT(OPTION_LINES) | \
         OPTION_BIT(OPTION_FOLLOW) | OPTION_BIT(OPTION_EVENT) | OPTION_BIT(OPTION_METHOD) | \
         OPTION_BIT(OPTION_UID) | OPTION_BIT(OPTION_USER) | OPTION_BIT(OPTION_AUTHENTICATOR) | \
         OPTION_BIT(OPTION_DIRECTORY))

#define EXPLAIN_OPTIONS (OPTION_BIT(OPTION_RELYING_PARTY) | OPTION_BIT(OPTION_APPLY))

#define SUGGEST_OPTIONS \
        (OPTION_BIT(OPTION_SINCE) | OPTION_BIT(OPTION_UNTIL) | OPTION_BIT(OPTION_USER) | \
         OPTION_BIT(OPTION_DIRECTORY))

static const Verb verbs[] = {
        {{"authorize", NULL}, 3, 3, AUTHORIZE_OPTIONS, verb_authorize},
        {{"authenticate", NULL}, 1, 1, AUTHENTICATE_OPTIONS, verb_authenticate},
        {{"exchange", NULL}, 0, 1, EXCHANGE_OPTIONS, verb_exchange},
        {{"verify-token", NULL}, 0, 1, OPTION_BIT(OPTION_USER_ID), verb_verify_token},

        {{"link", "list"}, 0, 1, 0, verb_link_list, true},
        {{"link", "show"}, 1, 1, 0, verb_link_show, true},
        {{"link", "add"}, 2, 2, 0, verb_link_add, true},
        {{"link", "remove"}, 0, 1, OPTION_BIT(OPTION_USER), verb_link_remove, true},
        {{"export", NULL}, 0, 1, 0, verb_export, true},
        {{"import", NULL}, 1, 1, IMPORT_OPTIONS, verb_import, true},
        {{"monitor", NULL}, 0, 0, 0, verb_monitor, true, .is_about_host = true},
        {{"reconcile", NULL}, 0, 0, RECONCILE_OPTIONS, verb_reconcile, true},

        {{"vault", "list"}, 0, 0, 0, verb_vault_list, true},
        {{"vault", "get"}, 1, 1, 0, verb_vault_get, true},
        {{"vault", "update"}, 2, 2, OPTION_BIT(OPTION_DISPLAY_NAME), verb_vault_update, true},
        {{"vault", "delete"}, 0, PASSKEYS_MAX, VAULT_DELETE_OPTIONS, verb_vault_delete, true},
        {{"vault", "prune"}, 1, 1, 0, verb_vault_prune, true},

        {{"mailbox", "create"}, 2, 2, MAILBOX_CREATE_OPTIONS, verb_mailbox_create},
        {{"mailbox", "get"}, 1, 1, 0, verb_mailbox_get},
        {{"mailbox", "verify"}, 3, 3, 0, verb_mailbox_verify},
        {{"mailbox", "delete"}, 1, 1, 0, verb_mailbox_delete},

        {{"status", NULL}, 0, 0, 0, verb_status, true},
        {{"store", "join"}, 0, 0, OPTION_BIT(OPTION_APPLY), verb_store_join, true},
        {{"store", "leave"}, 0, 0, OPTION_BIT(OPTION_APPLY), verb_store_leave, true},
        {{"store", "status"}, 0, 0, 0, verb_store_status, true},
        {{"store", "verify"}, 0, 0, 0, verb_store_verify, true},
        {{"metrics", NULL}, 0, 1, 0, verb_metrics, true},
        {{"audit", NULL}, 0, 0, AUDIT_OPTIONS, verb_audit, .is_about_host = true},
        {{"explain", NULL}, 2, 2, EXPLAIN_OPTIONS, verb_explain, true},
        {{"suggest-grant", NULL}, 0, 0, SUGGEST_OPTIONS, verb_suggest_grant, .is_about_host = true},
        {{"doctor", NULL}, 0, 0, OPTION_BIT(OPTION_CA_FILE), verb_doctor, .is_about_host = true},
        {{"set-key", NULL}, 0, 1, SET_KEY_OPTIONS, verb_set_key, .is_about_host = true},
        {{"reload", NULL}, 0, 0, 0, verb_reload, true},
};

const Verb *verb_find(char **words)
{
        for (size_t i = 0; words[0] && i < ARRAY_SIZE(verbs); i++)
                if (streq(verbs[i].words[0], words[0]) &&
                    (!verbs[i].words[1] || streq_ptr(verbs[i].words[1], words[1])))
                        return &verbs[i];
        return NULL;
}

const Verb *verb_at(size_t index)
{
        return index < ARRAY_SIZE(verbs) ? &verbs[index] : NULL;
}
