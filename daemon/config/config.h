/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/model/finding.h"
#include "daemon/model/grant.h"

/* One [Tenancy <label>] section. Places are "FILE:LINE". */
typedef struct TenancyConfig {
        char *label;
        char *tenancy_id, *id_place;
        char *endpoint;                /* an origin: scheme, host and port */
        char *ca_file, *ca_file_place; /* NULL: the system's trust anchors; it may not be there */
        char *api_key_credential;
        char *credential_place; /* of the section, if it has no ApiKeyCredential= */
        uint64_t timeout_ms;
} TenancyConfig;

/* passlockd.conf(5) with its drop-ins, checked as a whole. */
typedef struct Config {
        char *default_tenancy; /* a label; there may be no such tenancy if none is configured */
        uint32_t max_pending_per_user;
        TenancyConfig **tenancies;
        size_t n_tenancies;
        GrantList grants;     /* names are not looked up yet */
        FindingList findings; /* what is odd about the files */
} Config;

/*
 * Reads the files that config-files.h tells of. What they name need not be there: neither users and
 * groups nor CA files and credentials are looked for. Returns 0, -ENOMEM, or another negative
 * errno, with a sentence that names file and line in *ret_error (the caller's).
 */
int config_load(const char *file, Config **ret, char **ret_error);
Config *config_free(Config *config);
DEFINE_CLEANUP(Config *, config_free);

/*
 * The names of the credentials, each once, of all tenancies that the files have; what is wrong in
 * them is logged and passed over. For systemd, which has to load credentials before there is a
 * daemon to refuse the configuration. Returns 0 or -ENOMEM.
 */
int config_list_credentials(const char *file, char ***ret);

/* NULL if there is none. */
TenancyConfig *config_find_tenancy(const Config *config, const char *label);

/* Adds a finding for each CaFile= that cannot be read now. Returns 0 or -ENOMEM. */
int config_diagnose_ca_files(const Config *config, FindingList *list);
