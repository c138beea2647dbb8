/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <syslog.h>

#include "base/macro.h"

/*
 * Logs one line per message to standard error, with a priority prefix for the journal, see
 * sd-daemon(3). Never pass secrets: keys, tokens, codes, id_tokens.
 *
 * Logging never blocks: lines are dropped while standard error is full. The next line that is
 * written reports their number.
 */

/* Drops less important messages. The default is LOG_INFO. */
void log_set_max_level(int level);

/* Sets the level by name ("debug" … "err"). Returns 0 or -EINVAL. */
int log_set_max_level_name(const char *name);

const char *log_max_level_name(void);

bool log_is_on(int level);

/* Whether standard error is the journal, by $JOURNAL_STREAM; see systemd.exec(5). */
bool log_is_journal(void);

_printf_(2, 3) void log_at(int level, const char *format, ...);
/* Logs regardless of the maximum level. */
_printf_(2, 3) void log_line(int level, const char *format, ...);

#define log_debug(...)   log_at(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)    log_at(LOG_INFO, __VA_ARGS__)
#define log_notice(...)  log_at(LOG_NOTICE, __VA_ARGS__)
#define log_warning(...) log_at(LOG_WARNING, __VA_ARGS__)
#define log_error(...)   log_at(LOG_ERR, __VA_ARGS__)

/*
 * Logs at debug level where a negative errno originates, with file, line and function: wrap the
 * external call, as in r = log_errno_origin(sd_event_new(&event)). Returns r. Costs one test of r
 * unless r is negative.
 */
#define log_errno_origin(r) \
        ({ \
                int _r = (int) (r); \
                if (__builtin_expect(_r < 0, 0)) \
                        log_errno_origin_at(_r, __FILE__, __LINE__, __func__); \
                _r; \
        })
void log_errno_origin_at(int r, const char *file, int line, const char *func);
