/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "client/libpasslock/types/list.h"
#include "client/libpasslock/types/result.h"

typedef struct Member {
        Object object;
        char *name;
        char *id;
        bool is_leader;
        bool answers;
} Member;

struct passlock_store {
        Object object;
        char *engine;
        char *state;
        char *reason;
        uint64_t away_since_ms;
        uint64_t revision;
        uint64_t cluster_revision;
        uint64_t behind_ms;
        char *host;
        uint32_t host_number;
        uint64_t waiting;
        uint64_t outbox;
        uint64_t unconfirmed;
        char *endpoint;
        List *members;
        uint64_t db_size;
        uint64_t quota;
        char **alarms;
};

static int member_read(sd_bus_message *m, void *object)
{
        const char *name, *id;
        Member *member = object;
        int is_leader, answers;

        if (sd_bus_message_read(m, "(ssbb)", &name, &id, &is_leader, &answers) <= 0)
                return -EPROTO;
        member->name = strdup(name);
        member->id = strdup(id);
        member->is_leader = is_leader;
        member->answers = answers;
        return member->name && member->id ? 0 : -ENOMEM;
}

static void member_clear(void *object)
{
        Member *member = object;

        free(member->name);
        free(member->id);
}

static const ObjectType member_type = {
        .size = sizeof(Member),
        .read = member_read,
        .clear = member_clear,
        .signature = "(ssbb)",
};
static const ObjectType members_type = LIST_TYPE(list_read, &member_type);

static const Field fields[] = {
        FIELD(passlock_store, "engine", true, engine),
        FIELD(passlock_store, "state", false, state),
        FIELD(passlock_store, "reason", false, reason),
        FIELD(passlock_store, "away_since", false, away_since_ms),
        FIELD(passlock_store, "revision", false, revision),
        FIELD(passlock_store, "cluster_revision", false, cluster_revision),
        FIELD(passlock_store, "behind_ms", false, behind_ms),
        FIELD(passlock_store, "host", false, host),
        FIELD(passlock_store, "host_number", false, host_number),
        FIELD(passlock_store, "waiting", false, waiting),
        FIELD(passlock_store, "outbox", false, outbox),
        FIELD(passlock_store, "unconfirmed", false, unconfirmed),
        FIELD(passlock_store, "endpoint", false, endpoint),
        FIELD_LIST(passlock_store, "members", false, members, &members_type),
        FIELD(passlock_store, "db_size", false, db_size),
        FIELD(passlock_store, "quota", false, quota),
        FIELD(passlock_store, "alarms", false, alarms),
};

static const ObjectType type = {sizeof(passlock_store), fields, ARRAY_SIZE(fields)};

DEFINE_REF(store);

DEFINE_GETTER(store, const char *, get_engine, engine);
DEFINE_GETTER(store, const char *, get_state, state);
DEFINE_GETTER(store, const char *, get_reason, reason);
DEFINE_GETTER(store, uint64_t, get_away_since_ms, away_since_ms);
DEFINE_GETTER(store, uint64_t, get_revision, revision);
DEFINE_GETTER(store, uint64_t, get_cluster_revision, cluster_revision);
DEFINE_GETTER(store, uint64_t, get_behind_ms, behind_ms);
DEFINE_GETTER(store, const char *, get_host, host);
DEFINE_GETTER(store, uint32_t, get_host_number, host_number);
DEFINE_GETTER(store, uint64_t, get_waiting, waiting);
DEFINE_GETTER(store, uint64_t, get_outbox, outbox);
DEFINE_GETTER(store, uint64_t, get_unconfirmed, unconfirmed);
DEFINE_GETTER(store, const char *, get_endpoint, endpoint);
DEFINE_GETTER(store, uint64_t, get_db_size, db_size);
DEFINE_GETTER(store, uint64_t, get_quota, quota);
DEFINE_STRV_GETTER(store, alarms);

_public_ size_t passlock_store_get_n_members(const passlock_store *store)
{
        return store->members ? store->members->n : 0;
}

static const Member *member_at(const passlock_store *store, size_t index)
{
        static const Member none;

        return store->members && index < store->members->n ? store->members->items[index] : &none;
}

_public_ const char *passlock_store_get_member_name(const passlock_store *store, size_t index)
{
        return member_at(store, index)->name;
}

_public_ const char *passlock_store_get_member_id(const passlock_store *store, size_t index)
{
        return member_at(store, index)->id;
}

_public_ bool passlock_store_member_is_leader(const passlock_store *store, size_t index)
{
        return member_at(store, index)->is_leader;
}

_public_ bool passlock_store_member_answers(const passlock_store *store, size_t index)
{
        return member_at(store, index)->answers;
}

DEFINE_RESULT(store, store, type);
