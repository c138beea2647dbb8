/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/*
 * An object with named properties, printed as a JSON object or as text, one line per property.
 * record_print() reports earlier allocation failures, and then prints nothing.
 */
typedef struct Record Record;

/* NULL if out of memory; the functions below accept NULL. */
Record *record_new(void);
Record *record_free(Record *record);
DEFINE_CLEANUP(Record *, record_free);

/*
 * `label` is the label in text output, NULL to omit it; `name` the key in JSON. Text output omits a
 * NULL value.
 */
void record_put_string(Record *record, const char *label, const char *name, const char *value);
void record_put_bool(Record *record, const char *label, const char *name, bool value);
void record_put_number(Record *record, const char *label, const char *name, uint64_t value);
/* In JSON output only. */
void record_put_real(Record *record, const char *name, double value);
void record_put_record(Record *record, const char *name, const Record *value);
/* Milliseconds since the epoch. Text output uses local time and omits 0. */
void record_put_time(Record *record, const char *label, const char *name, uint64_t value_ms);

/* In text output only. */
void record_put_label(Record *record, const char *label, const char *text);

/* Text output separates the strings by spaces. */
void record_put_strings(Record *record, const char *label, const char *name,
                        const char *const *values);

/* Puts an empty list of records, and appends to it. JSON output only. */
void record_put_list(Record *record, const char *name);
void record_append(Record *record, const char *name, const Record *element);

/* Prints the record. Returns 0, or -ENOMEM without output. */
int record_print(const Record *record, bool json);

/* A JSON array that is printed element by element, in constant memory. */
typedef struct RecordArray {
        bool begun;
} RecordArray;

int record_array_print(RecordArray *array, const Record *record);
void record_array_end(RecordArray *array);
