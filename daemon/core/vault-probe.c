/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "daemon/core/vault-probe.h"
#include "dbus/error.h"

/* Concurrent lookups of a probe. */
#define OPEN_MAX 16U

/* A lookup in flight. */
typedef struct Slot {
        struct VaultProbe *probe;
        Link *link; /* NULL: free slot */
        ApiCall *call;
} Slot;

struct VaultProbe {
        Api *api;
        LinkList links; /* not looked up yet */
        LinkList gone;
        LinkList there;
        LinkList unknown;
        Slot slots[OPEN_MAX];
        size_t n_open;
        sd_event_source *nothing_open;
        int failure;
        uint32_t retry_after_s;
        VaultProbeFunc func;
        void *userdata;
};

VaultProbe *vault_probe_cancel(VaultProbe *probe)
{
        if (!probe)
                return NULL;
        for (size_t i = 0; i < OPEN_MAX; i++) {
                api_call_cancel(probe->slots[i].call);
                link_free(probe->slots[i].link);
        }
        link_list_clear(&probe->links);
        link_list_clear(&probe->gone);
        link_list_clear(&probe->there);
        link_list_clear(&probe->unknown);
        sd_event_source_disable_unref(probe->nothing_open);
        api_unref(probe->api);
        free(probe);
        return NULL;
}
DEFINE_CLEANUP(VaultProbe *, vault_probe_cancel);

static void probe_fail(VaultProbe *probe, int r, uint32_t retry_after_s)
{
        if (probe->failure)
                return;
        probe->failure = r;
        probe->retry_after_s = retry_after_s;
}

/* Takes ownership of the link. */
static void probe_sort(VaultProbe *probe, Link *link, int r, uint32_t retry_after_s)
{
        LinkList *list = r == 0                 ? &probe->there
                         : r == ERROR_NOT_FOUND ? &probe->gone
                                                : &probe->unknown;

        if (r != 0 && r != ERROR_NOT_FOUND && r != ERROR_MALFORMED_REPLY && r != ERROR_BAD_REQUEST)
                probe_fail(probe, r, retry_after_s);
        if (link_list_push(list, link) < 0)
                probe_fail(probe, -ENOMEM, 0);
}

static void probe_continue(VaultProbe *probe);

static void on_passkey(const Result *result, void *userdata)
{
        Slot *slot = userdata;
        VaultProbe *probe = slot->probe;

        slot->call = NULL;
        probe->n_open--;
        probe_sort(probe, TAKE_PTR(slot->link), result->r, result->retry_after_s);
        probe_continue(probe);
}

static Slot *find_slot(VaultProbe *probe)
{
        for (size_t i = 0; i < OPEN_MAX; i++)
                if (!probe->slots[i].link)
                        return &probe->slots[i];
        return NULL;
}

/* Takes ownership of the link. */
static void probe_ask(VaultProbe *probe, Slot *slot, Link *link)
{
        int r;

        r = api_get_passkey(probe->api, link->authenticator_id, API_BACKGROUND, on_passkey, slot,
                            &slot->call);
        if (r != 0) { /* also for an id that is not a passkey id */
                probe_sort(probe, link, r, 0);
                return;
        }
        slot->link = link;
        probe->n_open++;
}

/* Starts lookups in all free slots. */
static void probe_ask_more(VaultProbe *probe)
{
        Slot *slot;

        while (probe->links.n_links > 0 && !probe->failure && (slot = find_slot(probe)))
                probe_ask(probe, slot, probe->links.links[--probe->links.n_links]);
}

static void probe_end(VaultProbe *probe)
{
        _cleanup_(vault_probe_cancelp) VaultProbe *owned = probe;

        while (owned->links.n_links > 0)
                if (link_list_push(&owned->unknown, owned->links.links[--owned->links.n_links]) < 0)
                        probe_fail(owned, -ENOMEM, 0);
        owned->func(owned->failure, owned->retry_after_s, &owned->gone, &owned->there,
                    &owned->unknown, owned->userdata);
}

static void probe_continue(VaultProbe *probe)
{
        probe_ask_more(probe);
        if (probe->n_open == 0)
                probe_end(probe);
}

static int on_nothing_open(sd_event_source *source _unused_, void *userdata)
{
        probe_end(userdata);
        return 0;
}

int vault_probe_start(sd_event *event, Api *api, LinkList *links, VaultProbeFunc func,
                      void *userdata, VaultProbe **ret)
{
        _cleanup_(link_list_clear) LinkList owned = TAKE(*links, (LinkList){});
        _cleanup_(vault_probe_cancelp) VaultProbe *probe = calloc(1, sizeof(VaultProbe));
        int r = 0;

        if (!probe)
                return -ENOMEM;
        probe->api = api_ref(api);
        probe->links = TAKE(owned, (LinkList){});
        probe->func = func;
        probe->userdata = userdata;
        for (size_t i = 0; i < OPEN_MAX; i++)
                probe->slots[i].probe = probe;
        probe_ask_more(probe);
        if (probe->n_open == 0)
                r = sd_event_add_defer(event, &probe->nothing_open, on_nothing_open, probe);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(probe);
        return 0;
}
