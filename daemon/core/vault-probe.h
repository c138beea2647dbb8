/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/api/api.h"
#include "daemon/model/link.h"

/*
 * Asks the vault for the passkeys of links, one by one, a few at a time and in the background:
 * which of them does it not have any more?
 */
typedef struct VaultProbe VaultProbe;

/*
 * `gone` are the links whose passkeys the vault does not have, `there` those whose it has, and
 * `unknown` all others; the function may take the links out of the lists. r is 0, or why not all
 * could be asked for. An answer that cannot be understood leaves one link unknown, and is no reason
 * to stop.
 */
typedef void (*VaultProbeFunc)(int r, uint32_t retry_after_s, LinkList *gone, LinkList *there,
                               LinkList *unknown, void *userdata);

/* Takes the links over, also when it fails. Holds the Api. The function runs once, never before
 * this returns nor after vault_probe_cancel(). Returns 0 or a negative errno. */
int vault_probe_start(sd_event *event, Api *api, LinkList *links, VaultProbeFunc func,
                      void *userdata, VaultProbe **ret);
/* NULL is fine. Returns NULL. */
VaultProbe *vault_probe_cancel(VaultProbe *probe);
