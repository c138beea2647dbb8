/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "daemon/holder/holder-states.h"

typedef struct StateEntry {
        LIST_ENTRY(StateEntry) entry;
        HolderState state;
        char *label, *tenancy_id, *endpoint, *text;
        bool is_current; /* received since holder_states_begin_load() */
} StateEntry;

static StateEntry *find_state(const HolderStates *states, const char *label)
{
        StateEntry *entry;

        LIST_FOREACH(entry, &states->entries, entry)
                if (streq(entry->label, label))
                        return entry;
        return NULL;
}

const HolderState *holder_states_find(const HolderStates *states, const char *label)
{
        const StateEntry *entry = find_state(states, label);

        return entry ? &entry->state : NULL;
}

void holder_states_forget_news(HolderStates *states)
{
        StateEntry *entry;

        LIST_FOREACH(entry, &states->entries, entry)
                entry->state.news = false;
}

static StateEntry *state_free(StateEntry *entry)
{
        if (!entry)
                return NULL;
        free(entry->label);
        free(entry->tenancy_id);
        free(entry->endpoint);
        free(entry->text);
        free(entry);
        return NULL;
}
DEFINE_CLEANUP(StateEntry *, state_free);

static HolderFault holder_fault(uint32_t fault)
{
        if (fault == PROTOCOL_FAULT_NONE)
                return HOLDER_FAULT_NONE;
        return fault == PROTOCOL_FAULT_MISSING ? HOLDER_FAULT_MISSING : HOLDER_FAULT_UNUSABLE;
}

static int state_new(const ProtocolMessage *message, StateEntry **ret)
{
        _cleanup_(state_freep) StateEntry *entry = calloc(1, sizeof(StateEntry));

        if (!entry)
                return -ENOMEM;
        entry->label = strdup(message->texts[PROTOCOL_STATE_LABEL].text);
        entry->tenancy_id = strdup(message->texts[PROTOCOL_STATE_TENANCY_ID].text);
        entry->endpoint = strdup(message->texts[PROTOCOL_STATE_ENDPOINT].text);
        entry->text = strdup(message->texts[PROTOCOL_STATE_TEXT].text);
        if (!entry->label || !entry->tenancy_id || !entry->endpoint || !entry->text)
                return -ENOMEM;
        entry->is_current = true;
        entry->state = (HolderState){
                .label = entry->label,
                .tenancy_id = entry->tenancy_id,
                .endpoint = entry->endpoint,
                .account = message->state.account,
                .key = message->state.key,
                .fault = holder_fault(message->state.fault),
                .text = entry->text,
                .news = true,
        };
        *ret = TAKE_PTR(entry);
        return 0;
}

static void drop(HolderStates *states, StateEntry *entry)
{
        LIST_REMOVE(entry, entry);
        states->n_entries--;
        state_free(entry);
}

int holder_states_receive(HolderStates *states, const ProtocolMessage *message)
{
        StateEntry *old = find_state(states, message->texts[PROTOCOL_STATE_LABEL].text), *entry;
        int r;

        r = state_new(message, &entry);
        if (r < 0)
                return r;
        if (!old && states->n_entries >= HOLDER_STATES_MAX) {
                state_free(entry);
                return -EPROTO;
        }
        if (old) {
                entry->state.news = old->state.news || !streq(old->text, entry->text);
                drop(states, old);
        }
        if (message->state.account == 0) {
                state_free(entry);
        } else {
                LIST_INSERT_HEAD(&states->entries, entry, entry);
                states->n_entries++;
        }
        return 0;
}

void holder_states_drop_stale(HolderStates *states)
{
        StateEntry *entry, *next;

        for (entry = LIST_FIRST(&states->entries); entry; entry = next) {
                next = LIST_NEXT(entry, entry);
                if (!entry->is_current)
                        drop(states, entry);
        }
}

void holder_states_begin_load(HolderStates *states)
{
        StateEntry *entry;

        LIST_FOREACH(entry, &states->entries, entry)
                entry->is_current = false;
}

void holder_states_clear(HolderStates *states)
{
        StateEntry *entry;

        while ((entry = LIST_FIRST(&states->entries)))
                drop(states, entry);
}
