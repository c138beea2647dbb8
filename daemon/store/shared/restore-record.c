/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/store/shared/restore-record.h"
#include "daemon/store/shared/revision-id.h"

#define GAP        (UINT64_C(1) << 30)
#define OFFSET_MAX (REVISION_MAX / 2)

uint64_t restore_offset_after(uint64_t revision)
{
        return revision <= OFFSET_MAX - GAP ? revision + GAP : 0;
}

uint64_t restore_known(const RestoreRecord *record, const ReplicaPosition *replica)
{
        return record->is_raised ? replica->latest.changed_at : replica->revision;
}

static void code_restore(Codec *codec, void *object)
{
        RestoreRecord *record = object;

        code_u64(codec, &record->offset);
        code_u64(codec, &record->kept);
        code_u64(codec, &record->level);
        code_u64(codec, &record->done);
        code_u64(codec, &record->begun);
        code_u64(codec, &record->restored_at_ms);
        if (codec->version >= 2)
                code_flags(codec, (bool *const[]){&record->is_raised, NULL});
        codec_check(codec, record->offset <= OFFSET_MAX && record->kept < record->offset &&
                                   record->level < record->offset &&
                                   record->done <= record->level && record->begun <= REVISION_MAX);
}

const RecordType restore_record = {.version = 2, .oldest_version = 1, .code = code_restore};
