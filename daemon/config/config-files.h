/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/config/config-file.h"
#include "daemon/model/finding.h"

/*
 * Which files make up the configuration, and in which order they are read: `file` and `file`.d, or,
 * if it is NULL, passlockd.conf and passlockd.conf.d/ in the passlock/ directory of /etc, /run and
 * /usr/lib. Of the main file the first there is; then the drop-ins "*.conf" by name, of the same
 * name only the one in the earlier directory, and none if that is empty or /dev/null.
 *
 * A drop-in that is no file (yet), such as a directory or a link to nowhere, is skipped and noted
 * in `findings`. One that cannot be read is an error: it might take away what another file grants.
 */
int config_files_read(const char *file, const ConfigReader *reader, FindingList *findings,
                      char **ret_error);
