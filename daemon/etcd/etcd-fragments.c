/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "daemon/etcd/etcd-error.h"
#include "daemon/etcd/etcd-fragments.h"

void etcd_fragments_clear(EtcdFragments *fragments)
{
        etcd_arena_clear(&fragments->arena);
        *fragments = (EtcdFragments){};
}

static int prepend(EtcdFragments *fragments, EtcdWatchReply *reply)
{
        size_t n_held = fragments->n_events, n = n_held + reply->n_events;
        EtcdEvent *events;

        if (n_held == 0)
                return 0;
        if (reply->n_events > 0 &&
            reply->events[0].kv.mod_revision < fragments->events[n_held - 1].kv.mod_revision)
                return ETCD_ERROR_MALFORMED;
        events = etcd_arena_alloc(&reply->arena, n, sizeof(EtcdEvent));
        if (!events)
                return -ENOMEM;
        memcpy(events, fragments->events, n_held * sizeof(EtcdEvent));
        if (reply->n_events > 0)
                memcpy(events + n_held, reply->events, reply->n_events * sizeof(EtcdEvent));
        etcd_arena_move(&reply->arena, &fragments->arena);
        reply->events = events;
        reply->n_events = n;
        etcd_fragments_clear(fragments);
        return 0;
}

/* Copies a byte string to other memory. */
static int copy_bytes(EtcdBytes *bytes, EtcdArena *arena)
{
        uint8_t *data = etcd_arena_alloc(arena, bytes->len + 1, 1);

        if (!data)
                return -ENOMEM;
        memcpy(data, bytes->data, bytes->len);
        bytes->data = data;
        return 0;
}

static int copy_kv(EtcdKv *kv, EtcdArena *arena)
{
        int r = copy_bytes(&kv->key, arena);

        return r < 0 ? r : copy_bytes(&kv->value, arena);
}

static int copy_event(const EtcdEvent *event, EtcdArena *arena, EtcdEvent *ret)
{
        EtcdKv *prev_kv;
        int r;

        *ret = *event;
        r = copy_kv(&ret->kv, arena);
        if (r < 0 || !event->prev_kv)
                return r;
        prev_kv = etcd_arena_alloc(arena, 1, sizeof(EtcdKv));
        if (!prev_kv)
                return -ENOMEM;
        *prev_kv = *event->prev_kv;
        ret->prev_kv = prev_kv;
        return copy_kv(prev_kv, arena);
}

static int hold_back(EtcdFragments *fragments, EtcdWatchReply *reply)
{
        size_t first = reply->n_events, n;
        int r = 0;

        while (first > 0 && reply->events[first - 1].kv.mod_revision ==
                                    reply->events[reply->n_events - 1].kv.mod_revision)
                first--;
        n = reply->n_events - first;
        if (n > ETCD_REVISION_EVENTS_MAX)
                return ETCD_ERROR_MALFORMED;
        fragments->events = etcd_arena_alloc(&fragments->arena, n, sizeof(EtcdEvent));
        if (!fragments->events)
                return -ENOMEM;
        for (size_t i = 0; i < n && r == 0; i++)
                r = copy_event(reply->events + first + i, &fragments->arena, fragments->events + i);
        fragments->n_events = n;
        reply->n_events = first;
        return r;
}

int etcd_fragments_join(EtcdFragments *fragments, EtcdWatchReply *reply)
{
        int r = prepend(fragments, reply);

        return r == 0 && reply->fragment ? hold_back(fragments, reply) : r;
}
