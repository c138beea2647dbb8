/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/model/finding.h"
#include "daemon/model/grant.h"

/* One [Tenancy <label>] section. Places are "FILE:LINE". */
typedef struct TenancyConfig {
        char *label;
        char *tenancy_id, *id_place;
        char *endpoint; /* an origin: scheme, host and port */
        char *ca_file,
                *ca_file_place; /* NULL: the system's trust anchors; the file may be missing */
        char *api_key_credential;
        char *credential_place; /* the place of ApiKeyCredential=, or else of the section */
        uint64_t timeout_ms;
} TenancyConfig;

/* The parsed and checked configuration, see passlockd.conf(5). */
typedef struct Config {
        char *default_tenancy; /* a label; may not exist if no tenancy is configured */
        uint32_t max_pending_per_user;
        TenancyConfig **tenancies;
        size_t n_tenancies;
        GrantList grants;     /* names are unresolved */
        FindingList findings; /* findings on the files */
} Config;

/*
 * Parses the files of config_files_read(). Users, groups, CA files and credentials need not exist.
 * Returns 0, -ENOMEM, or another negative errno with a text in *ret_error that names file and line,
 * and that the caller frees.
 */
int config_load(const char *file, Config **ret, char **ret_error);
Config *config_free(Config *config);
DEFINE_CLEANUP(Config *, config_free);

/*
 * Lists the credential names of all tenancies, without duplicates. For the systemd generator, which
 * must not fail before the daemon can report the errors: logs errors and skips their lines. Returns
 * 0 or -ENOMEM.
 */
int config_list_credentials(const char *file, char ***ret);

/* NULL if unknown. */
TenancyConfig *config_find_tenancy(const Config *config, const char *label);

/* Adds a finding for each CaFile= that cannot be read now. Returns 0 or -ENOMEM. */
int config_diagnose_ca_files(const Config *config, FindingList *list);
