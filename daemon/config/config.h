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

#define STORE_ENDPOINTS_MAX 16U

typedef enum StoreEngine {
        STORE_ENGINE_LOCAL,
        STORE_ENGINE_ETCD,
} StoreEngine;

typedef enum StoreAcknowledge {
        STORE_ACKNOWLEDGE_LOCAL,
        STORE_ACKNOWLEDGE_SHARED,
} StoreAcknowledge;

/* The section [Store]. With the local engine, only `engine` counts. Each place is that of its key;
 * `place` is that of Engine=, or else of the section, NULL without one. */
typedef struct StoreConfig {
        char *place;
        StoreEngine engine;
        char **endpoints; /* origins: scheme, host and port; 1 to STORE_ENDPOINTS_MAX for etcd */
        char *prefix, *prefix_place;       /* begins and ends with '/' */
        char *ca_file, *ca_file_place;     /* as of a tenancy */
        char *cert_file, *cert_file_place; /* client certificate, or NULL; may be missing */
        char *key_credential, *key_place;  /* its private key; NULL without a certificate */
        char *password_credential, *password_place; /* "user:password"; NULL: no login */
        StoreAcknowledge acknowledge;
} StoreConfig;

/* The parsed and checked configuration, see passlockd.conf(5). */
typedef struct Config {
        char *default_tenancy; /* a label; may not exist if no tenancy is configured */
        uint32_t max_pending_per_user;
        TenancyConfig **tenancies;
        size_t n_tenancies;
        StoreConfig store;
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
 * Lists the credential names of all tenancies and of the store, without duplicates. For the systemd
 * generator, which must not fail before the daemon can report the errors: logs errors and skips
 * their lines. Returns 0 or -ENOMEM.
 */
int config_list_credentials(const char *file, char ***ret);

/* NULL if unknown. */
TenancyConfig *config_find_tenancy(const Config *config, const char *label);

/*
 * Whether `next` may replace `old` without a restart. Else returns -EBADMSG with a text in
 * *ret_error, as config_load(), or -ENOMEM.
 */
int config_check_reload(const Config *old, const Config *next, char **ret_error);

/* Adds a finding for each CaFile= and CertFile= that cannot be read now. Returns 0 or -ENOMEM. */
int config_diagnose_files(const Config *config, FindingList *list);

/* Adds a finding for each grant with Enforce=no. Returns 0 or -ENOMEM. */
int config_diagnose_grants(const GrantList *grants, FindingList *list);
