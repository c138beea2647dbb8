/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "client/libpasslock/types/list.h"
#include "client/libpasslock/types/result.h"

struct passlock_tenancy {
        Object object;
        char *label;
        char *id;
        char *endpoint;
        char *ca_file;
        char *credential;
        char *state;
};

static const Field fields[] = {
        FIELD(passlock_tenancy, "Label", true, label),
        FIELD(passlock_tenancy, "TenancyId", true, id),
        FIELD(passlock_tenancy, "Endpoint", true, endpoint),
        FIELD(passlock_tenancy, "State", true, state),
        /* Missing in older daemons. */
        FIELD(passlock_tenancy, "CaFile", false, ca_file),
        FIELD(passlock_tenancy, "ApiKeyCredential", false, credential),
};

static const ObjectType type = {sizeof(passlock_tenancy), fields, ARRAY_SIZE(fields)};

DEFINE_REF(tenancy);

DEFINE_GETTER(tenancy, const char *, get_label, label);
DEFINE_GETTER(tenancy, const char *, get_id, id);
DEFINE_GETTER(tenancy, const char *, get_endpoint, endpoint);
DEFINE_GETTER(tenancy, const char *, get_state, state);
DEFINE_GETTER(tenancy, const char *, get_credential, credential);

_public_ const char *passlock_tenancy_get_ca_file(const passlock_tenancy *tenancy)
{
        return tenancy->ca_file && *tenancy->ca_file ? tenancy->ca_file : NULL;
}

DEFINE_RESULT(tenancy, tenancy, type);

DEFINE_LIST(tenancy);

/* Reads the label and the id only. */
static int tenancy_read_entry(sd_bus_message *m, void *object)
{
        passlock_tenancy *tenancy = object;
        const char *label, *id, *path;

        if (sd_bus_message_read(m, "(sso)", &label, &id, &path) <= 0)
                return -EPROTO;
        tenancy->label = strdup(label);
        tenancy->id = strdup(id);
        return tenancy->label && tenancy->id ? 0 : -ENOMEM;
}

static const ObjectType entry_type = {sizeof(passlock_tenancy), fields, ARRAY_SIZE(fields),
                                      tenancy_read_entry, .signature = "(sso)"};
static const ObjectType list_type = LIST_TYPE(list_read, &entry_type);

DEFINE_RESULT(tenancies, tenancy_list, list_type);
