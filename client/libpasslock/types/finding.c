/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "client/libpasslock/types/list.h"
#include "client/libpasslock/types/result.h"

struct passlock_finding {
        Object object;
        char *kind;
        char *tenancy;
        char *name;
        char *place;
        char *text;
        char *advice;
};

static const Field fields[] = {
        FIELD(passlock_finding, "kind", true, kind),
        FIELD(passlock_finding, "text", true, text),
        FIELD(passlock_finding, "tenancy", false, tenancy),
        FIELD(passlock_finding, "name", false, name),
        FIELD(passlock_finding, "place", false, place),
        FIELD(passlock_finding, "advice", false, advice),
};

static const ObjectType type = {sizeof(passlock_finding), fields, ARRAY_SIZE(fields)};

DEFINE_REF(finding);

#define DEFINE_TEXT_GETTER(member) \
        _public_ const char *passlock_finding_get_##member(const passlock_finding *finding) \
        { \
                return finding->member ?: ""; \
        } \
        struct swallow_semicolon

DEFINE_TEXT_GETTER(kind);
DEFINE_TEXT_GETTER(tenancy);
DEFINE_TEXT_GETTER(name);
DEFINE_TEXT_GETTER(place);
DEFINE_TEXT_GETTER(text);
DEFINE_TEXT_GETTER(advice);

DEFINE_LIST(finding);

static const ObjectType list_type = LIST_TYPE(list_read, &type);

DEFINE_RESULT(findings, finding_list, list_type);
