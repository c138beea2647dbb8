/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/api/api.h"
#include "daemon/model/link.h"

/* Looks up the passkeys of links in the vault, a few at a time and in the background, to find the
 * links whose passkeys are gone. */
typedef struct VaultProbe VaultProbe;

/*
 * `gone` has the links whose passkeys do not exist, `there` the links whose passkeys exist, and
 * `unknown` the others. The function may take the links from the lists. r is 0, or the failure of
 * lookups. MALFORMED_REPLY and BAD_REQUEST do not count as failures: the link is unknown.
 */
typedef void (*VaultProbeFunc)(int r, uint32_t retry_after_s, LinkList *gone, LinkList *there,
                               LinkList *unknown, void *userdata);

/* Takes ownership of the links, also on failure. References the Api. The function runs once, never
 * before this returns, nor after vault_probe_cancel(). Returns 0 or a negative errno. */
int vault_probe_start(sd_event *event, Api *api, LinkList *links, VaultProbeFunc func,
                      void *userdata, VaultProbe **ret);
/* NULL is fine. Returns NULL. */
VaultProbe *vault_probe_cancel(VaultProbe *probe);
