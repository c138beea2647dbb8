/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/* Internals of the configuration parser. */

#include "daemon/config/config.h"

/* The parser of a file */

/*
 * A parser for systemd-style configuration files: [Section], Key=value, comment lines with '#' or
 * ';', continuation by a trailing backslash; UTF-8 with an optional byte order mark; LF or CR LF.
 *
 * Not libeconf: it silently drops repeated keys and sections, and everything after '#' in a value,
 * which is unsafe in a file that grants access. systemd's own parser is not a library.
 */

/* A place in a file, for error messages. */
typedef struct ConfigPlace {
        const char *file;
        unsigned line;
} ConfigPlace;

/*
 * Called for each section header (`key` and `value` NULL) and each assignment. On failure, returns
 * a negative errno and sets *ret_error, without the place; it stays NULL if out of memory.
 */
typedef int (*ConfigAssignFunc)(const ConfigPlace *place, const char *section, const char *key,
                                const char *value, void *userdata, char **ret_error);

typedef struct ConfigReader {
        ConfigAssignFunc assign;
        /* Called for each error, with the text of config_load(), and the line is skipped. NULL:
         * parsing stops at the first error. */
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

/*
 * Reads the configuration files: `file` and `file`.d; if NULL, passlockd.conf and passlockd.conf.d/
 * in the folder passlock/ of /etc, /run and /usr/lib. Only the first main file is read; then all
 * drop-ins "*.conf", sorted by name. A drop-in masks those of the same name in later folders.
 *
 * A drop-in that is not a regular file is skipped with a finding. An unreadable drop-in is an
 * error: it might revoke a grant of another file.
 */
int config_files_read(const char *file, const ConfigReader *reader, FindingList *findings,
                      char **ret_error);

/* The sections */

/* A reference to a tenancy label, checked after all files are parsed. */
typedef struct ConfigMention {
        char *label;
        char *place; /* file:line */
} ConfigMention;

typedef struct ConfigParser {
        Config *config;
        ConfigMention *mentions;
        size_t n_mentions;
} ConfigParser;

/* Handle a section header (`key` and `value` NULL) or an assignment. */
int config_assign_tenancy(ConfigParser *parser, const ConfigPlace *place, const char *label,
                          const char *key, const char *value, char **ret_error);
int config_assign_store(ConfigParser *parser, const ConfigPlace *place, const char *key,
                        const char *value, char **ret_error);
int config_assign_grant(ConfigParser *parser, const ConfigPlace *place, const char *name,
                        const char *key, const char *value, char **ret_error);

/* Sets *ret_error and returns -EBADMSG, or returns -ENOMEM. */
_printf_(2, 3) int config_refuse(char **ret_error, const char *format, ...);
/* Parses a number from 1 to `max`. Returns false, and stores nothing, for anything else. */
bool config_parse_number(const char *value, uint32_t max, uint32_t *ret);
int config_replace_string(char **s, const char *value);
int config_replace_place(char **s, const ConfigPlace *place);
int config_mention(ConfigParser *parser, const ConfigPlace *place, const char *label);

/* Values that several sections have; `key` is for the error. */

/* Parses yes, no, true, false, on, off, 1 or 0. Returns false, and stores nothing, for anything
 * else. */
bool config_parse_bool(const char *value, bool *ret);
/* Replaces *origin by an origin (scheme, host, port), without a slash at the end. */
int config_parse_origin(const char *key, const char *value, char **origin, char **ret_error);
int config_check_credential(const char *key, const char *value, char **ret_error);
/* An absolute path and its place; an empty value clears it. */
int config_assign_file(const char *key, const ConfigPlace *place, const char *value, char **path,
                       char **path_place, char **ret_error);

/* Checks that need the whole section. */
int config_check_store(const StoreConfig *store, char **ret_error);
void store_config_clear(StoreConfig *store);

TenancyConfig *tenancy_config_free(TenancyConfig *tenancy);
DEFINE_CLEANUP(TenancyConfig *, tenancy_config_free);
