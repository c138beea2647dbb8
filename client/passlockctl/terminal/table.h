/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

#define TABLE_COLUMNS_MAX 8U

/*
 * Aligned columns for people. Rows are kept until they are flushed; columns only grow wider from
 * one flush to the next, so a table of any length can be printed a part at a time.
 */
typedef struct Table Table;

/* `headers` ends with NULL and is lent for the table's life. NULL for lack of memory. */
Table *table_new(const char *const *headers, bool with_headers);
Table *table_free(Table *table);
DEFINE_CLEANUP(Table *, table_free);

/* Appends a cell; NULL is shown as "-". Returns 0 or -ENOMEM. */
int table_add(Table *table, const char *text);
int table_add_number(Table *table, uint64_t number);
/* As local time; 0 is shown as "-". */
int table_add_time(Table *table, uint64_t time_ms);

/* Prints the rows that are complete, and before the first ones the headers. */
void table_flush(Table *table);
