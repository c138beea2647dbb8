/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <ctype.h>
#include <errno.h>

#include "base/strv.h"
#include "daemon/store-findings.h"

/* The key holder's text names the credential. */
static bool is_about(const char *text, const char *credential)
{
        return credential && strstr(text, credential);
}

static int add_fault(const StoreConfig *config, const char *fault, FindingList *list)
{
        bool is_key = is_about(fault, config->key_credential);
        _cleanup_(freep) char *text = strdup(fault);

        if (!text)
                return -ENOMEM;
        *text = (char) toupper((unsigned char) *text);
        return finding_add(
                list, .kind = "store-credential",
                .name = is_key ? config->key_credential : config->password_credential,
                .place = is_key ? config->key_place : config->password_place, .text = text,
                .advice = "as root: install the credential in /etc/credstore.encrypted by "
                          "systemd-creds encrypt, or in /etc/credstore, then systemctl "
                          "daemon-reload and systemctl restart passlock-keyholder");
}

int store_findings_add(const StoreConfig *config, const Holder *holder, FindingList *list)
{
        const HolderStoreState *state = holder_get_store(holder);

        /* Without a key holder, there is a finding on the key holder itself. */
        if (config->engine == STORE_ENGINE_LOCAL || !holder_is_loaded(holder))
                return 0;
        if (state->n_endpoints != strv_len(config->endpoints))
                return finding_add(list, .kind = "key-holder", .name = "passlock-keyholder",
                                   .place = config->place,
                                   .text = "The key holder has loaded another [Store]",
                                   .advice = "as root: systemctl reload passlockd");
        return state->fault == HOLDER_FAULT_NONE ? 0 : add_fault(config, state->text, list);
}
