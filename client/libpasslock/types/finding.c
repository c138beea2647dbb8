/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "client/libpasslock/types/result.h"
#include "client/libpasslock/types/vardict-array.h"
#include "client/libpasslock/types/vardict.h"

struct passlock_finding {
        unsigned n_ref;
        char *kind;
        char *tenancy;
        char *name;
        char *place;
        char *text;
        char *advice;
};

struct passlock_finding_list {
        unsigned n_ref;
        VardictArray array;
};

#define FIELD(member, required) \
        { \
#member, 's', (required), offsetof(passlock_finding, member) \
        }

static const VardictField fields[] = {
        FIELD(kind, true),  FIELD(text, true),   FIELD(tenancy, false),
        FIELD(name, false), FIELD(place, false), FIELD(advice, false),
};

static void finding_destroy(passlock_finding *finding)
{
        vardict_clear(fields, ARRAY_SIZE(fields), finding);
        free(finding);
}

DEFINE_REF(passlock_finding, finding_destroy);

#define DEFINE_GETTER(member) \
        _public_ const char *passlock_finding_get_##member(const passlock_finding *finding) \
        { \
                return finding->member ?: ""; \
        } \
        struct swallow_semicolon

DEFINE_GETTER(kind);
DEFINE_GETTER(tenancy);
DEFINE_GETTER(name);
DEFINE_GETTER(place);
DEFINE_GETTER(text);
DEFINE_GETTER(advice);

static void finding_list_destroy(passlock_finding_list *findings)
{
        for (size_t i = 0; i < findings->array.n; i++)
                passlock_finding_unref(findings->array.items[i]);
        free(findings->array.items);
        free(findings);
}

DEFINE_REF(passlock_finding_list, finding_list_destroy);

_public_ size_t passlock_finding_list_get_size(const passlock_finding_list *findings)
{
        return findings->array.n;
}

_public_ passlock_finding *passlock_finding_list_get(const passlock_finding_list *findings,
                                                     size_t index)
{
        return index < findings->array.n ? findings->array.items[index] : NULL;
}

static int read_one(sd_bus_message *m, void **ret)
{
        _cleanup_(passlock_finding_unrefp) passlock_finding *finding = NULL;
        int r;

        finding = calloc(1, sizeof(passlock_finding));
        if (!finding)
                return -ENOMEM;
        finding->n_ref = 1;
        r = vardict_read(m, fields, ARRAY_SIZE(fields), finding);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(finding);
        return 0;
}

static int finding_list_read(sd_bus_message *reply, Result *ret)
{
        _cleanup_(passlock_finding_list_unrefp) passlock_finding_list *findings = NULL;
        int r;

        findings = calloc(1, sizeof(passlock_finding_list));
        if (!findings)
                return -ENOMEM;
        findings->n_ref = 1;
        r = vardict_array_read(&findings->array, reply, read_one);
        if (r < 0)
                return r;
        ret->findings = TAKE_PTR(findings);
        return 0;
}

static void finding_list_clear(Result *result)
{
        result->findings = passlock_finding_list_unref(result->findings);
}

static void finding_list_deliver(passlock *client, Callback callback, int r, const char *error_text,
                                 const Result *result, void *userdata)
{
        ((passlock_finding_list_callback) callback)(client, r, error_text, result->findings,
                                                    userdata);
}

const ResultType result_findings = {
        .read = finding_list_read,
        .clear = finding_list_clear,
        .deliver = finding_list_deliver,
};
