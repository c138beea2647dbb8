/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/*
 * A parser for systemd-style configuration files: [Section], Key=value, comment lines with '#' or
 * ';', continuation by a trailing backslash; UTF-8 with an optional byte order mark; LF or CR LF.
 *
 * By hand: libeconf silently drops repeated keys and sections, and everything after '#' in a value,
 * which is unacceptable in a file that grants access. systemd's own parser is not a library.
 */

/* A place in a file, for error messages. */
typedef struct ConfigPlace {
        const char *file;
        unsigned line;
} ConfigPlace;

/*
 * Called for each section header (`key` and `value` NULL) and each assignment. On failure, returns
 * a negative errno and sets *ret_error without the place, or leaves it NULL if out of memory.
 */
typedef int (*ConfigAssignFunc)(const ConfigPlace *place, const char *section, const char *key,
                                const char *value, void *userdata, char **ret_error);

typedef struct ConfigReader {
        ConfigAssignFunc assign;
        /* NULL: parsing stops at the first error. Else called for each error, with the text of
         * config_load(); the line is skipped. */
        void (*mistake)(const char *error, void *userdata);
        void *userdata;
} ConfigReader;

/* Parses one file. Errors as in config_load(); -ENOENT without a text if the file does not exist.
 */
int config_file_parse(const char *file, const ConfigReader *reader, char **ret_error);

/* Reports an error to the reader, if it collects errors, and returns 0; else returns r. */
int config_forgive(const ConfigReader *reader, int r, char **error);

/* Makes "FILE:LINE". Returns 0 or -ENOMEM. */
int config_place_print(const ConfigPlace *place, char **ret);
