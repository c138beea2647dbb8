/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/model/grant.h"

/* One [Tenancy <label>] section. */
typedef struct TenancyConfig {
        char *label;
        char *tenancy_id;
        char *endpoint; /* an origin: scheme, host and port */
        char *ca_file;  /* NULL: the system's trust anchors */
        char *api_key_credential;
        uint64_t timeout_ms;
} TenancyConfig;

/* passlockd.conf(5) with its drop-ins, checked as a whole. */
typedef struct Config {
        char *default_tenancy; /* a label; there may be no such tenancy if none is configured */
        uint32_t max_pending_per_user;
        TenancyConfig **tenancies;
        size_t n_tenancies;
        GrantList grants;
} Config;

/*
 * Reads `file` and the drop-ins in `file`.d, or, if it is NULL, passlockd.conf and
 * passlockd.conf.d/ in the passlock/ directory of /etc, /run and /usr/lib. Returns 0, -ENOMEM, or
 * another negative errno, with a sentence that names file and line in *ret_error (the caller's).
 */
int config_load(const char *file, Config **ret, char **ret_error);
Config *config_free(Config *config);
DEFINE_CLEANUP(Config *, config_free);
