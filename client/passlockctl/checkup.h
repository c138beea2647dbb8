/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* What was found to be well and what not, a line each, or one JSON document in the end. */
typedef struct Checkup Checkup;

/* NULL for lack of memory. */
Checkup *checkup_new(bool json);
Checkup *checkup_free(Checkup *checkup);
DEFINE_CLEANUP(Checkup *, checkup_free);

_printf_(3, 4) void checkup_good(Checkup *checkup, const char *name, const char *format, ...);
/* Could not be checked, or there is nothing to check. */
_printf_(3, 4) void checkup_skip(Checkup *checkup, const char *name, const char *format, ...);
/* `advice` is what to do about it. */
_printf_(4, 5) void checkup_fault(Checkup *checkup, const char *name, const char *advice,
                                  const char *format, ...);

unsigned checkup_n_faults(const Checkup *checkup);

/* Prints what is printed in the end. Returns 0 or -ENOMEM. */
int checkup_finish(Checkup *checkup);
