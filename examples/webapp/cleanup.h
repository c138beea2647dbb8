/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <passlock.h>

/* Cleanup attribute: releases a local at the end of its scope. */
#define _cleanup_(f) __attribute__((cleanup(f)))

static inline void passlock_unrefp(passlock **p)
{
        passlock_unref(*p);
}

static inline void passlock_options_unrefp(passlock_options **p)
{
        passlock_options_unref(*p);
}
