/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "daemon/store/shared/shared-log.h"

void log_change_clear(LogChange *change)
{
        for (size_t i = 0; i < change->n_conditions; i++)
                free(change->conditions[i].key);
        for (size_t i = 0; i < change->n_writes; i++) {
                free(change->writes[i].key);
                free(change->writes[i].value);
        }
        free(change->conditions);
        free(change->writes);
        *change = (LogChange){};
}

int log_change_add_condition(LogChange *change, LogTest test, char *key, uint64_t revision)
{
        LogCondition *conditions =
                reallocarray(change->conditions, change->n_conditions + 1, sizeof(LogCondition));

        if (conditions)
                change->conditions = conditions;
        if (!conditions || !key) {
                free(key);
                return -ENOMEM;
        }
        conditions[change->n_conditions++] =
                (LogCondition){.test = test, .key = key, .revision = revision};
        return 0;
}

int log_change_add_write(LogChange *change, char *key, uint8_t *value, size_t value_len,
                         bool expires)
{
        LogWrite *writes = reallocarray(change->writes, change->n_writes + 1, sizeof(LogWrite));

        if (writes)
                change->writes = writes;
        if (!writes || !key) {
                free(key);
                free(value);
                return -ENOMEM;
        }
        writes[change->n_writes++] =
                (LogWrite){.key = key, .value = value, .value_len = value_len, .expires = expires};
        return 0;
}

int log_batch_add_mark(LogBatch *batch, const char *key)
{
        char **marks;

        for (size_t i = 0; i < batch->n_marks; i++)
                if (streq(batch->marks[i], key))
                        return 0;
        marks = reallocarray(batch->marks, batch->n_marks + 1, sizeof(char *));
        if (!marks)
                return -ENOMEM;
        batch->marks = marks;
        marks[batch->n_marks] = strdup(key);
        if (!marks[batch->n_marks])
                return -ENOMEM;
        batch->n_marks++;
        return 0;
}

void log_batch_drop_marks(LogBatch *batch, size_t n)
{
        while (batch->n_marks > n)
                free(batch->marks[--batch->n_marks]);
}

void log_batch_clear(LogBatch *batch)
{
        for (size_t i = 0; i < batch->n_changes; i++)
                log_change_clear(&batch->changes[i]);
        for (size_t i = 0; i < batch->n_marks; i++)
                free(batch->marks[i]);
        free(batch->changes);
        free(batch->marks);
        *batch = (LogBatch){};
}

static uint64_t subtract(LogTest test, uint64_t revision, uint64_t offset)
{
        if (test == LOG_EXISTS || (test == LOG_CREATED_AT && revision == 0))
                return revision;
        if (revision > offset)
                return revision - offset;
        return test == LOG_CREATED_AT ? LOG_REVISION_NEVER : 0;
}

void log_batch_subtract(LogBatch *batch, uint64_t offset)
{
        for (size_t i = 0; offset > 0 && i < batch->n_changes; i++)
                for (size_t n = 0; n < batch->changes[i].n_conditions; n++) {
                        LogCondition *condition = &batch->changes[i].conditions[n];

                        condition->revision =
                                subtract(condition->test, condition->revision, offset);
                }
}
