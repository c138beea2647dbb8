/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/* Internals of the configuration parser. */

#include "daemon/config/config-file.h"
#include "daemon/config/config.h"

/* A reference to a tenancy label, checked when all files are parsed. */
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
int config_assign_grant(ConfigParser *parser, const ConfigPlace *place, const char *name,
                        const char *key, const char *value, char **ret_error);

/* Sets *ret_error and returns -EBADMSG, or returns -ENOMEM. */
_printf_(2, 3) int config_refuse(char **ret_error, const char *format, ...);
int config_replace_string(char **s, const char *value);
int config_replace_place(char **s, const ConfigPlace *place);
int config_mention(ConfigParser *parser, const ConfigPlace *place, const char *label);

TenancyConfig *tenancy_config_free(TenancyConfig *tenancy);
DEFINE_CLEANUP(TenancyConfig *, tenancy_config_free);
