/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

#include "base/macro.h"

/*
 * The calls that a grant with Enforce=no has let pass, by uid, rights and relying party: each is
 * recorded once an hour, so that a busy caller does not flood the audit log. The number of entries
 * is bounded, because callers choose the relying party.
 */
typedef struct UnenforcedUses UnenforcedUses;

/* Zero-initialised pointers are empty. Returns NULL. */
UnenforcedUses *unenforced_uses_free(UnenforcedUses *uses);

/* Notes a use; `rp_id` NULL: none. Returns 1 if it is due for a record, 0 if it was recorded within
 * the hour, -ENOBUFS if there are too many, or -ENOMEM. */
int unenforced_uses_note(UnenforcedUses **uses, uid_t uid, unsigned rights, const char *rp_id,
                         uint64_t now_ms);
