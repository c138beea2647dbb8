/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/*
 * Text output in aligned columns. Rows are kept until they are flushed; a table of any length can
 * be printed page by page. table_flush() reports allocation failures of earlier calls.
 */
typedef struct Table Table;

/* `headers` is NULL-terminated. NULL if out of memory. */
Table *table_new(const char *const *headers, bool with_headers);
Table *table_free(Table *table);
DEFINE_CLEANUP(Table *, table_free);

/* Appends a cell; NULL and "" are shown as "-". */
void table_add(Table *table, const char *text);
/* Like table_add(), with a color of color.h; NULL for none. */
void table_add_colored(Table *table, const char *text, const char *color);
void table_add_number(Table *table, uint64_t number);
/* As local time; 0 is shown as "-". */
void table_add_time(Table *table, uint64_t time_ms);

/* Prints the rows, and the headers before the first ones. Returns 0 or -ENOMEM. */
int table_flush(Table *table);
