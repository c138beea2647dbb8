/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "sandbox/tenancy/fault.h"

typedef enum ValueType {
        VALUE_NONE,
        VALUE_NUMBER,
        VALUE_FIELD,
} ValueType;

static const struct {
        const char *name;
        ValueType type;
        uint64_t min, max;
        uint64_t otherwise; /* default value; 0: the value is required */
} kinds[_FAULT_KIND_MAX] = {
        [FAULT_HANG] = {"hang"},
        [FAULT_DELAY] = {"delay", VALUE_NUMBER, 1, 3600000},
        [FAULT_REFUSE] = {"refuse"},
        [FAULT_GARBAGE] = {"garbage"},
        [FAULT_HTML] = {"html"},
        [FAULT_LARGE] = {"large", VALUE_NUMBER, 100, 100000000000, 20000000},
        [FAULT_STATUS] = {"status", VALUE_NUMBER, 300, 599},
        [FAULT_DROP] = {"drop"},
        [FAULT_CUT] = {"cut"},
        [FAULT_WRONG_TYPE] = {"wrong-type", VALUE_FIELD},
        [FAULT_MISSING] = {"missing", VALUE_FIELD},
};

static FaultKind kind_from_name(const char *name)
{
        for (int i = 0; i < _FAULT_KIND_MAX; i++)
                if (streq(name, kinds[i].name))
                        return i;
        return FAULT_NONE;
}

/* Decimal digits only. */
static int parse_number(const char *text, uint64_t *ret)
{
        uint64_t number;

        if (!*text || text[strspn(text, "0123456789")])
                return -EINVAL;
        errno = 0;
        number = strtoull(text, NULL, 10);
        if (errno > 0)
                return -errno;
        *ret = number;
        return 0;
}

static const char *parse_value(const char *value, Fault *fault)
{
        if (!value) {
                fault->number = kinds[fault->kind].otherwise;
                if (kinds[fault->kind].type == VALUE_NUMBER && fault->number == 0)
                        return "missing value";
                return NULL;
        }
        switch (kinds[fault->kind].type) {
        case VALUE_NUMBER:
                if (parse_number(value, &fault->number) < 0 ||
                    fault->number < kinds[fault->kind].min ||
                    fault->number > kinds[fault->kind].max)
                        return "value is not a number in the valid range";
                return NULL;
        case VALUE_FIELD:
                if (!*value || strlen(value) >= sizeof(fault->field))
                        return "value is not a member name";
                strcpy(fault->field, value);
                return NULL;
        default:
                return "unexpected value";
        }
}

/* Cuts the string at the last separator. Returns the part after the separator, or NULL. */
static char *split(char *text, char at)
{
        char *mark = strrchr(text, at);

        if (!mark)
                return NULL;
        *mark = '\0';
        return mark + 1;
}

const char *fault_parse(const char *spec, Fault *ret)
{
        Fault fault = {.endpoint = ENDPOINT_NONE, .remaining = UINT64_MAX};
        char name[FAULT_SPEC_MAX];
        const char *count, *endpoint, *value, *problem;

        if (strlen(spec) >= sizeof(name))
                return "specification too long";
        strcpy(name, spec);
        count = split(name, '*');
        endpoint = split(name, '@');
        value = split(name, '=');
        fault.kind = kind_from_name(name);
        if (fault.kind == FAULT_NONE)
                return "unknown kind";
        problem = parse_value(value, &fault);
        if (problem)
                return problem;
        if (endpoint) {
                fault.endpoint = endpoint_from_name(endpoint);
                if (fault.endpoint == ENDPOINT_NONE)
                        return "unknown endpoint";
        }
        if (count && (parse_number(count, &fault.remaining) < 0 || fault.remaining == 0 ||
                      fault.remaining == UINT64_MAX))
                return "count is not a positive number";
        *ret = fault;
        return NULL;
}

void fault_format(const Fault *fault, char *ret)
{
        size_t size = FAULT_SPEC_MAX, n;

        n = (size_t) snprintf(ret, size, "%s", kinds[fault->kind].name);
        if (kinds[fault->kind].type == VALUE_NUMBER)
                n += (size_t) snprintf(ret + n, size - n, "=%" PRIu64, fault->number);
        if (*fault->field)
                n += (size_t) snprintf(ret + n, size - n, "=%s", fault->field);
        if (fault->endpoint != ENDPOINT_NONE)
                n += (size_t) snprintf(ret + n, size - n, "@%s", endpoint_name(fault->endpoint));
        if (fault->remaining != UINT64_MAX)
                snprintf(ret + n, size - n, "*%" PRIu64, fault->remaining);
}

const char *fault_list_add(FaultList *list, const char *spec)
{
        const char *problem;

        if (list->n_faults >= FAULTS_MAX)
                return "too many faults";
        problem = fault_parse(spec, &list->faults[list->n_faults]);
        if (problem)
                return problem;
        list->n_faults++;
        return NULL;
}

Fault fault_list_take(FaultList *list, Endpoint endpoint)
{
        for (size_t i = 0; i < list->n_faults; i++) {
                Fault *fault = &list->faults[i], taken = *fault;

                if (fault->endpoint != ENDPOINT_NONE && fault->endpoint != endpoint)
                        continue;
                if (fault->remaining != UINT64_MAX && --fault->remaining == 0)
                        memmove(fault, fault + 1, (--list->n_faults - i) * sizeof(list->faults[0]));
                return taken;
        }
        return (Fault){.kind = FAULT_NONE};
}
