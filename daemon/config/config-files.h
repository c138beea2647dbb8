/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/config/config-file.h"
#include "daemon/model/finding.h"

/*
 * The search order of configuration files: `file` and `file`.d, or, if NULL, passlockd.conf and
 * passlockd.conf.d/ in passlock/ of /etc, /run and /usr/lib. Only the first main file is read; then
 * all drop-ins "*.conf", sorted by name, where a name in an earlier directory masks the same name
 * in later ones.
 *
 * A drop-in that is not a regular file is skipped with a finding. An unreadable one is an error: it
 * might revoke what another file grants.
 */
int config_files_read(const char *file, const ConfigReader *reader, FindingList *findings,
                      char **ret_error);
