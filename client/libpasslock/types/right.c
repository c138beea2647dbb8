/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "client/libpasslock/types/list.h"
#include "client/libpasslock/types/result.h"

struct passlock_right {
        Object object;
        char *tenancy;
        char *source;
        char *grant;
        char **names;
        char **rp_ids;
        bool authenticate;
        bool unenforced;
};

static const Field fields[] = {
        FIELD(passlock_right, "tenancy", true, tenancy),
        FIELD(passlock_right, "source", true, source),
        FIELD(passlock_right, "names", true, names),
        FIELD(passlock_right, "grant", false, grant),
        FIELD(passlock_right, "rp_ids", false, rp_ids),
        FIELD(passlock_right, "authenticate", false, authenticate),
        FIELD(passlock_right, "unenforced", false, unenforced),
};

static const ObjectType type = {sizeof(passlock_right), fields, ARRAY_SIZE(fields)};

DEFINE_REF(right);

DEFINE_GETTER(right, const char *, get_tenancy, tenancy);
DEFINE_GETTER(right, const char *, get_source, source);
DEFINE_GETTER(right, const char *, get_grant, grant);
DEFINE_GETTER(right, bool, needs_authentication, authenticate);
DEFINE_GETTER(right, bool, is_unenforced, unenforced);
DEFINE_STRV_GETTER(right, names);
DEFINE_STRV_GETTER(right, rp_ids);

DEFINE_LIST(right);

static const ObjectType list_type = LIST_TYPE(list_read, &type);

DEFINE_RESULT(rights, right_list, list_type);
