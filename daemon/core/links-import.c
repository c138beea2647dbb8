/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "daemon/core/links.h"
#include "daemon/core/tenancy-internal.h"
#include "daemon/store/store.h"
#include "dbus/error.h"

_Static_assert(LINKS_IMPORT_MAX <= STORE_IMPORT_MAX, "the store takes them at once");

typedef struct Import {
        Tenancy *tenancy;
        bool dry_run;
        AuditOrigin origin;
        LinksImportFunc func;
        void *userdata;
} Import;

static Import *import_free(Import *import)
{
        tenancy_unref(import->tenancy);
        free(import);
        return NULL;
}
DEFINE_CLEANUP(Import *, import_free);

static void tell_added(const Import *import, const LinkList *links, const LinkOutcome *outcomes)
{
        for (size_t i = 0; i < links->n_links; i++)
                if (outcomes[i] == LINK_ADDED)
                        tenancy_tell_link_added(import->tenancy, links->links[i], &import->origin);
}

static void imported(int r, const LinkList *links, const LinkOutcome *outcomes, void *userdata)
{
        _cleanup_(import_freep) Import *import = userdata;

        if (r == 0 && !import->dry_run)
                tell_added(import, links, outcomes);
        import->func(r, links, outcomes, import->userdata);
}

int links_import(Tenancy *tenancy, const LinkList *links, bool dry_run, const AuditOrigin *origin,
                 LinksImportFunc func, void *userdata)
{
        _cleanup_(import_freep) Import *import = NULL;
        int r;

        if (links->n_links > LINKS_IMPORT_MAX)
                return ERROR_INVALID_ARGS;
        import = calloc(1, sizeof(Import));
        if (!import)
                return -ENOMEM;
        *import = (Import){.tenancy = tenancy_ref(tenancy),
                           .dry_run = dry_run,
                           .origin = *origin,
                           .func = func,
                           .userdata = userdata};
        r = store_import(tenancy->store, tenancy->id, links, dry_run, imported, import, NULL);
        if (r < 0)
                return r;
        TAKE_PTR(import);
        return 0;
}
