/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/store/lmdb/codec.h"
#include "daemon/store/shared/shared-log.h"

/*
 * A change that was made on this host alone, because the shared log could not be reached, and that
 * has to be made in the log. A write of a link has a condition: no other host may have linked its
 * authenticator meanwhile.
 */
typedef struct OutboxWrite {
        char *key;
        uint64_t created_at; /* of the key, see LOG_CREATED_AT; OUTBOX_ANY: no condition */
        uint8_t *value;      /* NULL: the key is removed */
        uint32_t value_len;
        bool expires;
} OutboxWrite;

#define OUTBOX_ANY UINT64_MAX

typedef struct OutboxEntry {
        OutboxWrite *writes;
        uint16_t n_writes;
} OutboxEntry;

void outbox_entry_clear(OutboxEntry *entry);
/* Takes the writes of a planned change, with their conditions, and its marks as writes. Returns 0,
 * -ENOMEM, or -EMSGSIZE. */
int outbox_entry_take(const LogChange *change, char *const *marks, size_t n_marks,
                      OutboxEntry *ret);
/* Adds the writes to a batch as one change: with marks apart. Returns 0 or -ENOMEM. */
int outbox_entry_append(const OutboxEntry *entry, LogBatch *batch);
/* Drops a write. */
void outbox_entry_drop(OutboxEntry *entry, size_t i);

extern const RecordType outbox_record; /* OutboxEntry */
