/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/safe-text.h"
#include "client/passlockctl/terminal/table.h"

typedef struct Cell {
        char *text;
        size_t width;
} Cell;

struct Table {
        const char *const *headers;
        bool with_headers; /* still to be printed */
        size_t n_columns;
        size_t width[TABLE_COLUMNS_MAX];
        Cell *cells;
        size_t n_cells;
        size_t n_allocated;
};

Table *table_new(const char *const *headers, bool with_headers)
{
        Table *table = calloc(1, sizeof(Table));

        if (!table)
                return NULL;
        table->headers = headers;
        table->with_headers = with_headers;
        while (headers[table->n_columns]) {
                if (with_headers)
                        table->width[table->n_columns] = strlen(headers[table->n_columns]);
                table->n_columns++;
        }
        return table;
}

static void table_clear(Table *table)
{
        for (size_t i = 0; i < table->n_cells; i++)
                free(table->cells[i].text);
        table->n_cells = 0;
}

Table *table_free(Table *table)
{
        if (!table)
                return NULL;
        table_clear(table);
        free(table->cells);
        free(table);
        return NULL;
}

int table_add(Table *table, const char *text)
{
        size_t column = table->n_cells % table->n_columns;
        Cell cell = {};

        if (table->n_cells == table->n_allocated) {
                size_t n = table->n_allocated ? table->n_allocated * 2 : 64;
                Cell *grown = reallocarray(table->cells, n, sizeof(Cell));

                if (!grown)
                        return -ENOMEM;
                table->cells = grown;
                table->n_allocated = n;
        }
        cell.text = safe_text_new(isempty(text) ? "-" : text, &cell.width);
        if (!cell.text)
                return -ENOMEM;
        if (cell.width > table->width[column])
                table->width[column] = cell.width;
        table->cells[table->n_cells++] = cell;
        return 0;
}

int table_add_number(Table *table, uint64_t number)
{
        char text[32];

        snprintf(text, sizeof(text), "%" PRIu64, number);
        return table_add(table, text);
}

int table_add_time(Table *table, uint64_t time_ms)
{
        time_t seconds = (time_t) (time_ms / 1000);
        char text[64] = "";
        struct tm tm;

        if (time_ms > 0 && localtime_r(&seconds, &tm))
                strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
        return table_add(table, text);
}

static void print_cell(const Table *table, size_t column, const char *text, size_t width)
{
        bool is_last = column + 1 == table->n_columns;

        fputs(text, stdout);
        if (is_last)
                fputc('\n', stdout);
        else
                printf("%*s", (int) (table->width[column] - width) + 2, "");
}

void table_flush(Table *table)
{
        if (table->with_headers)
                for (size_t i = 0; i < table->n_columns; i++)
                        print_cell(table, i, table->headers[i], strlen(table->headers[i]));
        table->with_headers = false;
        for (size_t i = 0; i < table->n_cells; i++)
                print_cell(table, i % table->n_columns, table->cells[i].text,
                           table->cells[i].width);
        table_clear(table);
}
