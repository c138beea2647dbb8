/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/queue.h>

#include "daemon/holder/holder.h"
#include "keyholder/protocol/protocol.h"

/* The accounts of the tenancies, as the key holder told. Zero-initialised, the list is empty. */
#define HOLDER_STATES_MAX 4096U

typedef struct HolderStates {
        size_t n_entries;
        LIST_HEAD(, StateEntry) entries;
} HolderStates;

void holder_states_clear(HolderStates *states);

/* Adds or replaces a state; or drops it, if the tenancy is not configured any more. Returns 0 or
 * -ENOMEM, or -EPROTO if there are too many. */
int holder_states_receive(HolderStates *states, const ProtocolMessage *message);

/* The states that are not received again between these two are stale, and dropped. */
void holder_states_begin_load(HolderStates *states);
void holder_states_drop_stale(HolderStates *states);

/* NULL if there is none. */
const HolderState *holder_states_find(const HolderStates *states, const char *label);
void holder_states_forget_news(HolderStates *states);
