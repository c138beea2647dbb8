/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/*
 * One thing with named properties, printed as a JSON object or, for people, a line for each. What
 * is printed is all or nothing; what could not be put in for lack of memory shows when it is
 * printed.
 */
typedef struct Record Record;

/* NULL for lack of memory, which the functions below accept. */
Record *record_new(void);
Record *record_free(Record *record);
DEFINE_CLEANUP(Record *, record_free);

/* `label` is for people, NULL: not for them; `name` for JSON. NULL values are null there only. */
void record_put_string(Record *record, const char *label, const char *name, const char *value);
void record_put_bool(Record *record, const char *label, const char *name, bool value);
void record_put_number(Record *record, const char *label, const char *name, uint64_t value);
/* Milliseconds since the epoch; local time for people, who do not get to see 0. */
void record_put_time(Record *record, const char *label, const char *name, uint64_t value_ms);

/* For people the strings are one text, with blanks between. */
void record_put_strings(Record *record, const char *label, const char *name,
                        const char *const *values);

/* A list of records, empty at first, and one more element of it; not for people. */
void record_put_list(Record *record, const char *name);
void record_append(Record *record, const char *name, const Record *element);

/* Prints. Returns 0 or -ENOMEM, and then nothing was printed. */
int record_print(const Record *record, bool json);

/* A JSON array of records, written one by one: of any length, in little memory. */
typedef struct RecordArray {
        bool begun;
} RecordArray;

int record_array_print(RecordArray *array, const Record *record);
void record_array_end(RecordArray *array);
