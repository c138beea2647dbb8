/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <syslog.h>

#include "base/macro.h"

/*
 * One line a message on standard error. In the journal each carries its priority, as sd-daemon(3)
 * has it. Nothing secret is ever passed here: not a key, token, code or id_token.
 *
 * A reader that does not read is not waited for: what has no room is lost, and the next line that
 * has says how many were.
 */

/* Messages less important than this are dropped. LOG_INFO until told otherwise. */
void log_set_max_level(int level);

/* Reads a level by name ("debug" … "err") and sets it. Returns 0 or -EINVAL. */
int log_set_max_level_name(const char *name);

bool log_is_on(int level);

/* Is standard error the journal? As $JOURNAL_STREAM has it; see systemd.exec(5). */
bool log_is_journal(void);

_printf_(2, 3) void log_at(int level, const char *format, ...);
/* The same, however important it is. */
_printf_(2, 3) void log_line(int level, const char *format, ...);

#define log_debug(...)   log_at(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)    log_at(LOG_INFO, __VA_ARGS__)
#define log_notice(...)  log_at(LOG_NOTICE, __VA_ARGS__)
#define log_warning(...) log_at(LOG_WARNING, __VA_ARGS__)
#define log_error(...)   log_at(LOG_ERR, __VA_ARGS__)
