/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/strv.h"
#include "daemon/core/delete-recovery.h"
#include "daemon/core/vault-probe.h"
#include "daemon/core/vault.h"
#include "daemon/store/store.h"
#include "dbus/error.h"

/*
 * A delete goes through four steps.
 * 1. The links that are to go are noted, as they are now: a link that is made later stays. Their
 *    authenticators are put on disk as an intent, so that a crash is no reason to keep them.
 * 2. The API is asked.
 * 3. If its answer is lost, each of the passkeys is asked for.
 * 4. The links go: all of them if the API has agreed, and of those that were asked for the ones
 *    that are gone. Those whose fate is not known are left to delete-recovery.h.
 */
typedef struct Delete {
        Tenancy *tenancy;
        Api *api;
        char **ids;    /* the passkeys, */
        char *user_id; /* or whose they are */
        AuditOrigin origin;
        VaultManagementFunc func;
        void *userdata;

        LinkList links;
        uint64_t intent_id; /* 0: none on disk */
        VaultProbe *probe;
        LinkList left; /* to be asked for again */
        int result;
        uint32_t retry_after_s;
        Management management;
} Delete;

static Delete *delete_free(Delete *delete)
{
        vault_probe_cancel(delete->probe);
        link_list_clear(&delete->links);
        link_list_clear(&delete->left);
        management_clear(&delete->management);
        strv_free(delete->ids);
        free(delete->user_id);
        api_unref(delete->api);
        tenancy_unref(delete->tenancy);
        free(delete);
        return NULL;
}
DEFINE_CLEANUP(Delete *, delete_free);

static void delete_end(Delete *delete)
{
        _cleanup_(delete_freep) Delete *owned = delete;

        owned->func(owned->result, owned->retry_after_s,
                    owned->result == 0 ? &owned->management : NULL, owned->userdata);
}

/* The intent, if there is one, goes with what is left. */
static void delete_leave_rest(Delete *delete, LinkList *rest)
{
        if (rest->n_links > 0)
                (void) delete_recovery_add(delete->tenancy->delete_recovery, rest,
                                           delete->intent_id, &delete->origin);
}

static void on_removed(int r, const LinkList *removed, void *userdata)
{
        Delete *delete = userdata;

        for (size_t i = 0; i < removed->n_links; i++)
                tenancy_tell_link_removed(delete->tenancy, removed->links[i], &delete->origin);
        if (r != 0) {
                delete->result = delete->result ?: r;
                delete_leave_rest(delete, &delete->links);
        } else {
                delete_leave_rest(delete, &delete->left);
        }
        delete_end(delete);
}

/* Removes those of the links, and the intent unless something is left. */
static void delete_remove_links(Delete *delete, const LinkList *links)
{
        Tenancy *tenancy = delete->tenancy;
        int r;

        r = store_remove_unchanged(tenancy->store, tenancy->id, links,
                                   delete->left.n_links > 0 ? 0 : delete->intent_id, on_removed,
                                   delete, NULL);
        if (r < 0)
                on_removed(r, &(LinkList){}, delete);
}

static void on_probed(int r, uint32_t retry_after_s _unused_, LinkList *gone, LinkList *there,
                      LinkList *unknown, void *userdata)
{
        Delete *delete = userdata;

        delete->probe = NULL;
        for (size_t i = 0; i < unknown->n_links; i++)
                audit(EVENT_DELETE_UNCERTAIN, .origin = &delete->origin,
                      .tenancy = tenancy_label(delete->tenancy),
                      .authenticator_id = unknown->links[i]->authenticator_id, .error = r);
        /* The API may be about to delete those that are there. */
        delete->left = TAKE(*there, (LinkList){});
        while (unknown->n_links > 0)
                (void) link_list_push(&delete->left, unknown->links[--unknown->n_links]);
        delete_remove_links(delete, gone);
}

static void delete_probe(Delete *delete)
{
        _cleanup_(link_list_clear) LinkList copy = {};

        if (link_list_copy(&delete->links, &copy) == 0 &&
            vault_probe_start(delete->tenancy->event, delete->api, &copy, on_probed, delete,
                              &delete->probe) == 0)
                return;
        delete_leave_rest(delete, &delete->links);
        delete_end(delete);
}

static int keep_management(Delete *delete, const Management *management)
{
        delete->management.token = strdup(management->token);
        delete->management.expires_at_ms = management->expires_at_ms;
        if (!delete->management.token)
                return -ENOMEM;
        for (size_t i = 0; i < management->n_warnings; i++) {
                const Warning *w = &management->warnings[i];
                char *code = strdup(w->code), *message = strdup(w->message);
                char *passkey_id = w->passkey_id ? strdup(w->passkey_id) : NULL;

                if (management_add_warning(&delete->management, code, message, passkey_id) < 0 ||
                    !code || !message || (w->passkey_id && !passkey_id))
                        return -ENOMEM;
        }
        return 0;
}

static void on_deleted(int r, uint32_t retry_after_s, const Management *management, void *userdata)
{
        Delete *delete = userdata;

        tenancy_note_api_result(delete->tenancy, delete->api, r);
        delete->result = r;
        delete->retry_after_s = retry_after_s;
        if (r == 0) {
                delete->result = keep_management(delete, management);
                delete_remove_links(delete, &delete->links);
        } else if (r < 0 || r == ERROR_UNREACHABLE || r == ERROR_MALFORMED_REPLY) {
                delete_probe(delete);
        } else {
                delete_remove_links(delete, &(LinkList){});
        }
}

static int delete_ask(Delete *delete)
{
        ApiCall *call;

        return delete->user_id
                       ? api_delete_user_passkeys(delete->api, delete->user_id, on_deleted, delete,
                                                  &call)
                       : api_delete_passkeys(delete->api, delete->ids, on_deleted, delete, &call);
}

/* A store that fails is no reason not to delete: then a crash may leave links. */
static void on_begun(int r, uint64_t intent_id, void *userdata)
{
        Delete *delete = userdata;

        delete->intent_id = r == 0 ? intent_id : 0;
        r = delete_ask(delete);
        if (r == 0)
                return;
        delete->result = r;
        delete_remove_links(delete, &(LinkList){});
}

static int delete_begin(Delete *delete)
{
        _cleanup_(strv_freep) char **authenticator_ids = NULL;
        Tenancy *tenancy = delete->tenancy;
        int r = 0;

        if (delete->links.n_links == 0)
                return delete_ask(delete);
        for (size_t i = 0; r == 0 && i < delete->links.n_links; i++)
                r = strv_push(&authenticator_ids, delete->links.links[i]->authenticator_id);
        return r < 0 ? r
                     : store_begin_delete(tenancy->store, tenancy->id, authenticator_ids, on_begun,
                                          delete, NULL);
}

static int delete_new(Tenancy *tenancy, const AuditOrigin *origin, VaultManagementFunc func,
                      void *userdata, Delete **ret)
{
        Delete *delete;

        if (!tenancy_is_usable(tenancy))
                return ERROR_NOT_CONFIGURED;
        delete = calloc(1, sizeof(Delete));
        if (!delete)
                return -ENOMEM;
        *delete = (Delete){.tenancy = tenancy_ref(tenancy),
                           .api = api_ref(tenancy->api),
                           .origin = *origin,
                           .func = func,
                           .userdata = userdata};
        *ret = delete;
        return 0;
}

static int note_link(Delete *delete, const char *authenticator_id)
{
        Link *link;
        int r;

        r = store_get_link(delete->tenancy->store, delete->tenancy->id, authenticator_id, &link);
        if (r == ERROR_NOT_FOUND)
                return 0;
        return r != 0 ? r : link_list_push(&delete->links, link);
}

int vault_delete(Tenancy *tenancy, char *const *passkey_ids, const AuditOrigin *origin,
                 VaultManagementFunc func, void *userdata)
{
        _cleanup_(delete_freep) Delete *delete = NULL;
        int r;

        r = delete_new(tenancy, origin, func, userdata, &delete);
        if (r == 0)
                r = strv_copy(passkey_ids, &delete->ids);
        for (char *const *id = passkey_ids; r == 0 && id && *id; id++)
                r = note_link(delete, *id);
        if (r == 0)
                r = delete_begin(delete);
        if (r != 0)
                return r;
        TAKE_PTR(delete);
        return 0;
}

int vault_delete_user(Tenancy *tenancy, const char *user_id, const AuditOrigin *origin,
                      VaultManagementFunc func, void *userdata)
{
        _cleanup_(delete_freep) Delete *delete = NULL;
        int r;

        r = delete_new(tenancy, origin, func, userdata, &delete);
        if (r == 0)
                r = store_list_by_user(tenancy->store, tenancy->id, user_id, &delete->links);
        if (r != 0)
                return r;
        delete->user_id = strdup(user_id);
        if (!delete->user_id)
                return -ENOMEM;
        r = delete_begin(delete);
        if (r != 0)
                return r;
        TAKE_PTR(delete);
        return 0;
}
