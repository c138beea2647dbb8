/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/queue.h>
#include <systemd/sd-bus.h>

#include "daemon/model/link.h"

/* The changes of links in one signal: each at most once, removals before additions. */
typedef struct LinkPairs {
        struct LinkPair *pairs;
        size_t n_pairs;
} LinkPairs;

typedef struct LinkChanges {
        TAILQ_ENTRY(LinkChanges) entry;
        LinkPairs added, removed;
        size_t n_bytes;    /* of the signal, about */
        unsigned n_unsent; /* subscribers that have not been sent the signal yet */
} LinkChanges;

LinkChanges *link_changes_new(void);
/* Returns NULL. */
LinkChanges *link_changes_free(LinkChanges *changes);

/* Copies the ids of the link. Returns 0 or -ENOMEM. */
int link_changes_add(LinkChanges *changes, const Link *link, bool removed);
bool link_changes_is_full(const LinkChanges *changes, size_t bytes_max);
/* Whether the link was added. */
bool link_changes_has_added(const LinkChanges *changes, const Link *link);

/* Appends the arguments of the signal Changed. Returns a negative errno on failure. */
int link_changes_append(const LinkChanges *changes, sd_bus_message *m);
