/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/* What was found to be well and what not. */
typedef struct Checkup Checkup;

typedef enum CheckupForm {
        CHECKUP_LINES,      /* a line each */
        CHECKUP_JSON,       /* one document in the end */
        CHECKUP_COMPLAINTS, /* faults only, on standard error, as of any command */
} CheckupForm;

/* NULL for lack of memory. */
Checkup *checkup_new(CheckupForm form);
Checkup *checkup_free(Checkup *checkup);
DEFINE_CLEANUP(Checkup *, checkup_free);

_printf_(3, 4) void checkup_good(Checkup *checkup, const char *name, const char *format, ...);
/* What follows is about a tenancy; NULL: about all of them. With `heading` a line says so. */
void checkup_begin_tenancy(Checkup *checkup, const char *label, bool heading);

/* Could not be checked, or there is nothing to check; or nothing is wrong, but it is good to know.
 */
_printf_(3, 4) void checkup_skip(Checkup *checkup, const char *name, const char *format, ...);
/* `advice` is what to do about it, and copied. */
_printf_(4, 5) void checkup_fault(Checkup *checkup, const char *name, const char *advice,
                                  const char *format, ...);

unsigned checkup_n_faults(const Checkup *checkup);

/* Prints what is printed in the end. Returns 0 or -ENOMEM. */
int checkup_finish(Checkup *checkup);
