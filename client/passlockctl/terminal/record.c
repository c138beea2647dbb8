/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>

#include "base/strv.h"
#include "client/passlockctl/terminal/record.h"
#include "client/passlockctl/terminal/table.h"

/* Integers below this are exact. */
#define REAL_INTEGER_MAX 9007199254740992.0

struct Record {
        json_t *json;
        Table *table;
        bool failed;
};

Record *record_new(void)
{
        static const char *const headers[] = {"", "", NULL};
        _cleanup_(record_freep) Record *record = calloc(1, sizeof(Record));

        if (!record)
                return NULL;
        record->json = json_object();
        record->table = table_new(headers, false);
        if (!record->json || !record->table)
                return NULL;
        return TAKE_PTR(record);
}

Record *record_free(Record *record)
{
        if (!record)
                return NULL;
        json_decref(record->json);
        table_free(record->table);
        free(record);
        return NULL;
}

/* Takes ownership of the value. */
static void put(Record *record, const char *name, json_t *value)
{
        if (json_object_set_new(record->json, name, value) < 0)
                record->failed = true;
}

static void put_label(Record *record, const char *label)
{
        char text[64];

        snprintf(text, sizeof(text), "%s:", label);
        table_add(record->table, text);
}

static void put_text(Record *record, const char *label, const char *text)
{
        if (!label)
                return;
        put_label(record, label);
        table_add(record->table, text);
}

void record_put_string(Record *record, const char *label, const char *name, const char *value)
{
        if (!record)
                return;
        put(record, name, value ? json_string(value) : json_null());
        if (value)
                put_text(record, label, value);
}

void record_put_bool(Record *record, const char *label, const char *name, bool value)
{
        if (!record)
                return;
        put(record, name, json_boolean(value));
        put_text(record, label, value ? "yes" : "no");
}

void record_put_number(Record *record, const char *label, const char *name, uint64_t value)
{
        if (!record)
                return;
        put(record, name, json_integer((json_int_t) value));
        if (!label)
                return;
        put_label(record, label);
        table_add_number(record->table, value);
}

/* JSON has no infinity. */
static json_t *json_of(double value)
{
        if (!isfinite(value))
                return json_null();
        return fabs(value) < REAL_INTEGER_MAX && value == (double) (int64_t) value
                       ? json_integer((json_int_t) value)
                       : json_real(value);
}

void record_put_real(Record *record, const char *name, double value)
{
        if (record)
                put(record, name, json_of(value));
}

void record_put_record(Record *record, const char *name, const Record *value)
{
        if (!record)
                return;
        if (value && !value->failed)
                put(record, name, json_incref(value->json));
        else
                record->failed = true;
}

void record_put_time(Record *record, const char *label, const char *name, uint64_t value_ms)
{
        if (!record)
                return;
        put(record, name, json_integer((json_int_t) value_ms));
        if (!label || value_ms == 0)
                return;
        put_label(record, label);
        table_add_time(record->table, value_ms);
}

void record_put_label(Record *record, const char *label, const char *text)
{
        if (record)
                put_text(record, label, text);
}

void record_put_strings(Record *record, const char *label, const char *name,
                        const char *const *values)
{
        _cleanup_(freep) char *text = strv_join(values);
        json_t *list = json_array();

        if (!record) {
                json_decref(list);
                return;
        }
        for (size_t i = 0; values[i]; i++)
                if (json_array_append_new(list, json_string(values[i])) < 0)
                        record->failed = true;
        put(record, name, list);
        if (text)
                put_text(record, label, text);
        else
                record->failed = true;
}

void record_put_list(Record *record, const char *name)
{
        if (record)
                put(record, name, json_array());
}

void record_append(Record *record, const char *name, const Record *element)
{
        json_t *list;

        if (!record)
                return;
        list = json_object_get(record->json, name);
        if (!element || element->failed || json_array_append(list, element->json) < 0)
                record->failed = true;
}

static int record_print_json(const Record *record)
{
        _cleanup_(freep) char *text = NULL;

        if (!record || record->failed)
                return -ENOMEM;
        text = json_dumps(record->json, JSON_COMPACT);
        if (!text)
                return -ENOMEM;
        fputs(text, stdout);
        return 0;
}

int record_print(const Record *record, bool json)
{
        int r;

        if (!record || record->failed)
                return -ENOMEM;
        if (!json)
                return table_flush(record->table);
        r = record_print_json(record);
        if (r == 0)
                fputc('\n', stdout);
        return r;
}

int record_array_print(RecordArray *array, const Record *record)
{
        fputs(array->begun ? ",\n" : "[", stdout);
        array->begun = true;
        return record_print_json(record);
}

void record_array_end(RecordArray *array)
{
        puts(array->begun ? "]" : "[]");
}
