/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "daemon/core/links.h"
#include "daemon/core/tenancy-internal.h"
#include "daemon/model/valid.h"
#include "daemon/store/store.h"
#include "dbus/error.h"

_Static_assert(LINKS_IMPORT_MAX <= STORE_IMPORT_MAX, "the store takes them at once");

typedef struct LinkImport {
        Call call;
        bool dry_run;
        AuditOrigin origin;
} LinkImport;

static void on_imported(int r, const LinkList *links, const LinkOutcome *outcomes, void *userdata)
{
        LinkImport *import = userdata;

        for (size_t i = 0; r == 0 && !import->dry_run && i < links->n_links; i++)
                if (outcomes[i] == LINK_ADDED)
                        tenancy_notify_link_added(import->call.tenancy, links->links[i],
                                                  &import->origin);
        call_end(&import->call, &(Result){.r = r,
                                          .links = r == 0 ? links : NULL,
                                          .outcomes = r == 0 ? outcomes : NULL});
}

int links_import(Tenancy *tenancy, const LinkList *links, bool dry_run, const AuditOrigin *origin,
                 ResultFunc func, void *userdata)
{
        LinkImport *import;
        int r;

        if (links->n_links > LINKS_IMPORT_MAX)
                return ERROR_INVALID_ARGS;
        r = call_new_without_api(sizeof(LinkImport), tenancy, func, userdata, &import);
        if (r < 0)
                return r;
        import->dry_run = dry_run;
        import->origin = *origin;
        r = store_import(tenancy->store, tenancy->id, links, dry_run, on_imported, import, NULL);
        return call_started(&import->call, r, NULL);
}
