/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <inttypes.h>
#include <libsmartcols/libsmartcols.h>
#include <stdio.h>
#include <time.h>

#include "base/safe-text.h"
#include "client/passlockctl/terminal/color.h"
#include "client/passlockctl/terminal/table.h"

struct Table {
        struct libscols_table *scols;
        struct libscols_line *line; /* the last one; NULL: none */
        size_t n_cells;             /* in that line */
        bool failed;
};

Table *table_new(const char *const *headers, bool with_headers)
{
        _cleanup_(table_freep) Table *table = calloc(1, sizeof(Table));

        if (!table)
                return NULL;
        table->scols = scols_new_table();
        if (!table->scols || scols_table_set_column_separator(table->scols, "  ") < 0)
                return NULL;
        for (; *headers; headers++)
                if (!scols_table_new_column(table->scols, with_headers ? *headers : "", 0, 0))
                        return NULL;
        /* Cells are safe text already; never wrap or truncate them to the terminal's width. */
        scols_table_enable_noencoding(table->scols, true);
        scols_table_set_termforce(table->scols, SCOLS_TERMFORCE_NEVER);
        scols_table_enable_noheadings(table->scols, !with_headers);
        scols_table_enable_colors(table->scols, color_is_enabled(stdout));
        return TAKE_PTR(table);
}

Table *table_free(Table *table)
{
        if (!table)
                return NULL;
        scols_unref_table(table->scols);
        free(table);
        return NULL;
}

void table_add_colored(Table *table, const char *text, const char *color)
{
        _cleanup_(freep) char *safe = safe_text_new(isempty(text) ? "-" : text);

        if (!table->line || table->n_cells == scols_table_get_ncols(table->scols)) {
                table->line = scols_table_new_line(table->scols, NULL);
                table->n_cells = 0;
        }
        if (!safe || !table->line ||
            scols_line_refer_data(table->line, table->n_cells, TAKE_PTR(safe)) < 0 ||
            scols_cell_set_color(scols_line_get_cell(table->line, table->n_cells++), color) < 0)
                table->failed = true;
}

void table_add(Table *table, const char *text)
{
        table_add_colored(table, text, NULL);
}

void table_add_number(Table *table, uint64_t number)
{
        char text[32];

        snprintf(text, sizeof(text), "%" PRIu64, number);
        table_add(table, text);
}

void table_add_time(Table *table, uint64_t time_ms)
{
        time_t seconds = (time_t) (time_ms / 1000);
        char text[64] = "";
        struct tm tm;

        if (time_ms > 0 && localtime_r(&seconds, &tm))
                strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
        table_add(table, text);
}

/* libsmartcols prints nothing for a table without lines. */
static void print_headers(const Table *table)
{
        for (size_t i = 0; i < scols_table_get_ncols(table->scols); i++)
                printf("%s%s", i > 0 ? "  " : "",
                       scols_column_get_name(scols_table_get_column(table->scols, i)));
        putchar('\n');
}

int table_flush(Table *table)
{
        if (table->failed || (table->line && scols_print_table(table->scols) < 0))
                return -ENOMEM;
        if (!table->line && !scols_table_is_noheadings(table->scols))
                print_headers(table);
        scols_table_remove_lines(table->scols);
        scols_table_enable_noheadings(table->scols, true);
        table->line = NULL;
        /* Keep the column widths of earlier flushes as a minimum. */
        for (size_t i = 0; i < scols_table_get_ncols(table->scols); i++) {
                struct libscols_column *column = scols_table_get_column(table->scols, i);

                scols_column_set_whint(column, (double) scols_column_get_width(column));
        }
        return 0;
}
