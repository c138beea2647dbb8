/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/*
 * Configuration files as systemd has them: [Section], Key=value, comments that begin a line with
 * '#' or ';', a backslash at the end to go on in the next line; UTF-8, maybe with a byte order mark
 * at the beginning; lines end in LF or CR LF.
 *
 * A library was tried for this (libeconf) and drops a repeated key, a repeated section and all
 * behind a '#' in a value without a word; in a file that grants access, that will not do.
 */

/* Where an assignment stands, for error messages. */
typedef struct ConfigPlace {
        const char *file;
        unsigned line;
} ConfigPlace;

/*
 * Called when a section begins, with `key` and `value` NULL, and for each assignment in it. To
 * refuse, returns a negative errno and sets *ret_error to what is wrong (without the place), or
 * leaves it NULL if memory ran out.
 */
typedef int (*ConfigAssignFunc)(const ConfigPlace *place, const char *section, const char *key,
                                const char *value, void *userdata, char **ret_error);

typedef struct ConfigReader {
        ConfigAssignFunc assign;
        /* NULL: the first mistake ends the parsing. Else it is told each, as config_load() would
         * say it, and the line is skipped. */
        void (*mistake)(const char *error, void *userdata);
        void *userdata;
} ConfigReader;

/* Parses one file. Errors are as with config_load(). -ENOENT, without a text, if it is not there.
 */
int config_file_parse(const char *file, const ConfigReader *reader, char **ret_error);

/* What to go on with after a failure r: 0 if the reader takes note of mistakes, which then happens.
 */
int config_forgive(const ConfigReader *reader, int r, char **error);

/* Makes "FILE:LINE". Returns 0 or -ENOMEM. */
int config_place_print(const ConfigPlace *place, char **ret);
