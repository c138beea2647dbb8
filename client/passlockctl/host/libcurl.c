/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "client/passlockctl/host/dynamic-library.h"
#include "client/passlockctl/host/libcurl.h"

#define DEFINE(name) __typeof__(name) *sym_##name;
LIBCURL_FUNCTIONS(DEFINE)

int libcurl_load(const char **ret_error)
{
#define SYMBOL(name) {#name, (void **) &sym_##name},
        static const DynamicSymbol symbols[] = {LIBCURL_FUNCTIONS(SYMBOL)};

        return dynamic_library_load("libcurl.so.4", symbols, ARRAY_SIZE(symbols), ret_error);
}
