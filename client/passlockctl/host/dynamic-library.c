/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <dlfcn.h>
#include <errno.h>

#include "client/passlockctl/host/dynamic-library.h"

int dynamic_library_load(const char *soname, const DynamicSymbol *symbols, size_t n,
                         const char **ret_error)
{
        void *library = dlopen(soname, RTLD_NOW | RTLD_NODELETE);

        for (size_t i = 0; library && i < n; i++) {
                *symbols[i].address = dlsym(library, symbols[i].name);
                if (!*symbols[i].address)
                        library = NULL;
        }
        if (library)
                return 0;
        *ret_error = dlerror();
        return -ELIBACC;
}
