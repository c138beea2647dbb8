/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "daemon/store/shared/outbox-entry.h"
#include "daemon/store/shared/shared-key.h"

static void write_clear(OutboxWrite *write)
{
        free(write->key);
        free(write->value);
        *write = (OutboxWrite){};
}

void outbox_entry_clear(OutboxEntry *entry)
{
        for (size_t i = 0; i < entry->n_writes; i++)
                write_clear(&entry->writes[i]);
        free(entry->writes);
        *entry = (OutboxEntry){};
}

void outbox_entry_drop(OutboxEntry *entry, size_t i)
{
        write_clear(&entry->writes[i]);
        entry->n_writes--;
        memmove(entry->writes + i, entry->writes + i + 1,
                (entry->n_writes - i) * sizeof(OutboxWrite));
}

static int copy_write(const char *key, const uint8_t *value, size_t value_len, OutboxWrite *ret)
{
        ret->key = strdup(key);
        ret->value_len = (uint32_t) value_len;
        if (value) {
                ret->value = malloc(value_len + 1);
                if (ret->value)
                        memcpy(ret->value, value, value_len);
        }
        return ret->key && (ret->value || !value) ? 0 : -ENOMEM;
}

/* Other conditions than those of written keys are given up: nobody can check them now. */
static uint64_t condition_of(const LogChange *change, const char *key)
{
        for (size_t i = 0; i < change->n_conditions; i++)
                if (change->conditions[i].test == LOG_CREATED_AT &&
                    streq(change->conditions[i].key, key))
                        return change->conditions[i].revision;
        return OUTBOX_ANY;
}

int outbox_entry_take(const LogChange *change, char *const *marks, size_t n_marks, OutboxEntry *ret)
{
        _cleanup_(outbox_entry_clear) OutboxEntry entry = {};
        int r = 0;

        if (change->n_writes + n_marks > LOG_WRITES_MAX)
                return -EMSGSIZE;
        entry.writes = calloc(change->n_writes + n_marks + 1, sizeof(OutboxWrite));
        if (!entry.writes)
                return -ENOMEM;
        for (size_t i = 0; r == 0 && i < change->n_writes; i++) {
                const LogWrite *write = &change->writes[i];
                OutboxWrite *copy = &entry.writes[entry.n_writes++];

                r = copy_write(write->key, write->value, write->value_len, copy);
                copy->created_at = write->expires ? OUTBOX_ANY : condition_of(change, write->key);
                copy->expires = write->expires;
        }
        for (size_t i = 0; r == 0 && i < n_marks; i++) {
                OutboxWrite *copy = &entry.writes[entry.n_writes++];

                r = copy_write(marks[i], (const uint8_t *) "", 0, copy);
                copy->created_at = OUTBOX_ANY;
        }
        if (r == 0)
                *ret = TAKE(entry, (OutboxEntry){});
        return r;
}

static int append_write(const OutboxWrite *write, LogChange *change)
{
        OutboxWrite copy = {};
        int r = 0;

        if (write->created_at != OUTBOX_ANY)
                r = log_change_add_condition(change, LOG_CREATED_AT, strdup(write->key),
                                             write->created_at);
        if (r == 0)
                r = copy_write(write->key, write->value, write->value_len, &copy);
        if (r < 0) {
                write_clear(&copy);
                return r;
        }
        return log_change_add_write(change, copy.key, copy.value, copy.value_len, write->expires);
}

int outbox_entry_append(const OutboxEntry *entry, LogBatch *batch)
{
        LogChange *changes = reallocarray(batch->changes, batch->n_changes + 1, sizeof(LogChange));
        LogChange *change;
        int r = 0;

        if (!changes)
                return -ENOMEM;
        batch->changes = changes;
        change = &changes[batch->n_changes++];
        *change = (LogChange){};
        for (size_t i = 0; r == 0 && i < entry->n_writes; i++)
                r = shared_key_is_mark(entry->writes[i].key)
                            ? log_batch_add_mark(batch, entry->writes[i].key)
                            : append_write(&entry->writes[i], change);
        return r;
}

static void code_value(Codec *codec, OutboxWrite *write)
{
        bool has_value = write->value;

        code_flags(codec, (bool *[]){&has_value, &write->expires, NULL});
        if (!has_value)
                return;
        code_u32(codec, &write->value_len);
        if (codec->decoding) {
                codec_check(codec, write->value_len <= codec->len);
                if (codec->r < 0)
                        return;
                write->value = malloc(write->value_len + 1);
                if (!write->value) {
                        codec_fail(codec, -ENOMEM);
                        return;
                }
        }
        code_bytes(codec, write->value, write->value_len);
}

static void code_entry(Codec *codec, void *object)
{
        OutboxEntry *entry = object;
        uint16_t n = entry->n_writes;

        code_u16(codec, &n);
        codec_check(codec, n <= LOG_WRITES_MAX);
        if (codec->decoding && codec->r == 0) {
                entry->writes = calloc(n + 1U, sizeof(OutboxWrite));
                if (!entry->writes)
                        codec_fail(codec, -ENOMEM);
        }
        for (uint16_t i = 0; i < n && codec->r == 0; i++) {
                entry->n_writes = codec->decoding ? (uint16_t) (i + 1) : entry->n_writes;
                code_string(codec, &entry->writes[i].key);
                code_u64(codec, &entry->writes[i].created_at);
                code_value(codec, &entry->writes[i]);
        }
}

const RecordType outbox_record = {.version = 1, .oldest_version = 1, .code = code_entry};
