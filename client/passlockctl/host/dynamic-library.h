/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macro.h"

/*
 * Shared libraries loaded at run time. The dynamic linker takes longer for libcurl, libcrypto and
 * their dependencies than most commands of passlockctl, and only set-key and doctor use them.
 */

typedef struct DynamicSymbol {
        const char *name;
        void **address;
} DynamicSymbol;

/*
 * Loads a library for good, and sets the addresses of its symbols. Returns 0, or -ELIBACC with an
 * error message that begins with the name of the library.
 */
int dynamic_library_load(const char *soname, const DynamicSymbol *symbols, size_t n,
                         const char **ret_error);
