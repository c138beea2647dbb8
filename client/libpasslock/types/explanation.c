/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "client/libpasslock/types/result.h"

struct passlock_explanation {
        Object object;
        bool allowed;
        bool unenforced;
        char *source;
        char *tenancy;
        char **rights;
        char *grant;
        char *place;
        char *allow_place;
        char **lacks;
        char **rp_ids;
        uint64_t max_calls_per_s;
        char *action;
};

static const Field fields[] = {
        FIELD(passlock_explanation, "allowed", true, allowed),
        FIELD(passlock_explanation, "unenforced", true, unenforced),
        FIELD(passlock_explanation, "source", true, source),
        FIELD(passlock_explanation, "tenancy", false, tenancy),
        FIELD(passlock_explanation, "rights", true, rights),
        FIELD(passlock_explanation, "grant", false, grant),
        FIELD(passlock_explanation, "place", false, place),
        FIELD(passlock_explanation, "allow_place", false, allow_place),
        FIELD(passlock_explanation, "lacks", false, lacks),
        FIELD(passlock_explanation, "rp_ids", false, rp_ids),
        FIELD(passlock_explanation, "max_calls_per_s", false, max_calls_per_s),
        FIELD(passlock_explanation, "action", false, action),
};

static const ObjectType type = {sizeof(passlock_explanation), fields, ARRAY_SIZE(fields)};

DEFINE_REF(explanation);

DEFINE_GETTER(explanation, bool, is_allowed, allowed);
DEFINE_GETTER(explanation, bool, is_unenforced, unenforced);
DEFINE_GETTER(explanation, const char *, get_source, source);
DEFINE_GETTER(explanation, const char *, get_tenancy, tenancy);
DEFINE_STRV_GETTER(explanation, rights);
DEFINE_GETTER(explanation, const char *, get_grant, grant);
DEFINE_GETTER(explanation, const char *, get_place, place);
DEFINE_GETTER(explanation, const char *, get_allow_place, allow_place);
DEFINE_STRV_GETTER(explanation, lacks);
DEFINE_STRV_GETTER(explanation, rp_ids);
DEFINE_GETTER(explanation, uint64_t, get_max_calls_per_s, max_calls_per_s);
DEFINE_GETTER(explanation, const char *, get_action, action);

DEFINE_RESULT(explanation, explanation, type);
