/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/*
 * Configuration files as systemd has them: [Section], Key=value, comments that begin a line with
 * '#' or ';', a backslash at the end to go on in the next line.
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
 * refuse, returns a negative errno and sets *ret_error to
 * what is wrong (without the place), or leaves it NULL if memory ran out.
 */
typedef int (*ConfigAssignFunc)(const ConfigPlace *place, const char *section, const char *key,
                                const char *value, void *userdata, char **ret_error);

/* Parses one file. Errors are as with config_load(). -ENOENT, without a text, if it is not there.
 */
int config_file_parse(const char *file, ConfigAssignFunc assign, void *userdata, char **ret_error);

/*
 * The drop-ins to read, in order: "*.conf" in the directories, by name; of the same name only the
 * one in the earlier directory, and none if that is empty or /dev/null. Directories end in NULL.
 */
int config_file_list_drop_ins(const char *const *directories, char ***ret, char **ret_error);
