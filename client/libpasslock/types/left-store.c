/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "client/libpasslock/types/result.h"

struct passlock_left_store {
        Object object;
        uint64_t links;
        uint64_t exchanges;
        uint64_t deletes;
        uint64_t left;
        uint64_t unshared;
        bool current;
        bool told;
        uint32_t host_number;
        char *kept;
};

static const Field fields[] = {
        FIELD(passlock_left_store, "links", true, links),
        FIELD(passlock_left_store, "exchanges", true, exchanges),
        FIELD(passlock_left_store, "deletes", true, deletes),
        FIELD(passlock_left_store, "left", true, left),
        FIELD(passlock_left_store, "unshared", true, unshared),
        FIELD(passlock_left_store, "current", true, current),
        FIELD(passlock_left_store, "told", true, told),
        FIELD(passlock_left_store, "host_number", true, host_number),
        FIELD(passlock_left_store, "kept", false, kept),
};

static const ObjectType type = {sizeof(passlock_left_store), fields, ARRAY_SIZE(fields)};

DEFINE_REF(left_store);

DEFINE_GETTER(left_store, uint64_t, get_links, links);
DEFINE_GETTER(left_store, uint64_t, get_exchanges, exchanges);
DEFINE_GETTER(left_store, uint64_t, get_deletes, deletes);
DEFINE_GETTER(left_store, uint64_t, get_left, left);
DEFINE_GETTER(left_store, uint64_t, get_unshared, unshared);
DEFINE_GETTER(left_store, bool, is_current, current);
DEFINE_GETTER(left_store, bool, is_told, told);
DEFINE_GETTER(left_store, uint32_t, get_host_number, host_number);
DEFINE_GETTER(left_store, const char *, get_kept, kept);

DEFINE_RESULT(left_store, left_store, type);
