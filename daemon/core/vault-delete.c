/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <sys/queue.h>

#include "base/strv.h"
#include "daemon/core/delete-recovery.h"
#include "daemon/core/tenancy-internal.h"
#include "daemon/core/vault-probe.h"
#include "daemon/core/vault.h"
#include "daemon/store/store.h"
#include "dbus/error.h"

/*
 * The steps of a delete:
 * 1. An intent is committed, with the authenticators and their current links. It keeps crash
 * recovery from linking them. Links that are made later are not removed.
 * 2. The API call.
 * 3. If the reply is lost, each passkey is looked up.
 * 4. The links are removed: all of them if the API has confirmed the delete, otherwise those whose
 * passkeys are gone. The links of passkeys with an unknown state are left to delete-recovery.h, and
 * so are all links if step 3 is aborted.
 */
typedef struct Delete {
        Call call;
        char **ids;    /* passkey ids, or NULL */
        char *user_id; /* the user whose passkeys to delete, or NULL */
        AuditOrigin origin;

        LinkList links;
        uint64_t intent_id; /* 0: none on disk */
        VaultProbe *probe;  /* NULL except in step 3, when the delete is in the tenancy's list */
        LIST_ENTRY(Delete) entry;
        LinkList left; /* passed to delete recovery */
        int result;
        uint32_t retry_after_s;
        Management management;
} Delete;

static void delete_cancel_probe(Delete *delete)
{
        if (!delete->probe)
                return;
        LIST_REMOVE(delete, entry);
        delete->probe = vault_probe_cancel(delete->probe);
}

static void delete_destroy(Call *call)
{
        Delete *delete = (Delete *) call;

        delete_cancel_probe(delete);
        link_list_clear(&delete->links);
        link_list_clear(&delete->left);
        management_clear(&delete->management);
        strv_free(delete->ids);
        free(delete->user_id);
}

static void delete_end(Delete *delete)
{
        call_end(&delete->call,
                 &(Result){
                         .r = delete->result,
                         .retry_after_s = delete->retry_after_s,
                         .management = delete->result == 0 ? &delete->management : NULL,
                 });
}

/* Passes the remaining links and the intent to delete recovery. */
static void delete_leave_rest(Delete *delete, LinkList *rest)
{
        if (rest->n_links > 0)
                (void) delete_recovery_add(delete->call.tenancy->delete_recovery,
                                           api_endpoint(delete->call.api), rest, delete->intent_id,
                                           &delete->origin);
}

static void on_removed(int r, const LinkList *removed, void *userdata)
{
        Delete *delete = userdata;

        tenancy_notify_links_removed(delete->call.tenancy, removed, &delete->origin);
        if (r != 0) {
                delete->result = delete->result ?: r;
                delete_leave_rest(delete, &delete->links);
        } else {
                delete_leave_rest(delete, &delete->left);
        }
        delete_end(delete);
}

/* Removes the links, and the intent if nothing is left to delete recovery. */
static void delete_remove_links(Delete *delete, const LinkList *links)
{
        Tenancy *tenancy = delete->call.tenancy;
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

        LIST_REMOVE(delete, entry);
        delete->probe = NULL;
        for (size_t i = 0; i < unknown->n_links; i++)
                audit(EVENT_DELETE_UNCERTAIN, .origin = &delete->origin,
                      .tenancy = tenancy_label(delete->call.tenancy),
                      .authenticator_id = unknown->links[i]->authenticator_id, .error = r);
        /* The API may still be deleting these passkeys. */
        delete->left = TAKE(*there, (LinkList){});
        while (unknown->n_links > 0)
                (void) link_list_push(&delete->left, unknown->links[--unknown->n_links]);
        delete_remove_links(delete, gone);
}

static void delete_leave_all(Delete *delete)
{
        delete_leave_rest(delete, &delete->links);
        delete_end(delete);
}

static void delete_probe(Delete *delete)
{
        _cleanup_(link_list_clear) LinkList copy = {};
        Tenancy *tenancy = delete->call.tenancy;

        if (tenancy_aborts_calls(tenancy) || link_list_copy(&delete->links, &copy) < 0 ||
            vault_probe_start(tenancy->event, delete->call.api, &copy, on_probed, delete,
                              &delete->probe) < 0)
                delete_leave_all(delete);
        else
                LIST_INSERT_HEAD(&tenancy->unconfirmed_deletes, delete, entry);
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

static void on_deleted(const Result *result, void *userdata)
{
        Delete *delete = userdata;
        int r = result->r;

        delete->call.api_call = NULL;
        delete->result = r;
        delete->retry_after_s = result->retry_after_s;
        if (r == 0) {
                delete->result = keep_management(delete, result->management);
                delete_remove_links(delete, &delete->links);
        } else if (r < 0 || r == ERROR_UNREACHABLE || r == ERROR_MALFORMED_REPLY) {
                delete_probe(delete);
        } else {
                delete_remove_links(delete, &(LinkList){});
        }
}

static int delete_ask(Delete *delete)
{
        Call *call = &delete->call;

        return delete->user_id ? api_delete_user_passkeys(call->api, delete->user_id, on_deleted,
                                                          delete, &call->api_call)
                               : api_delete_passkeys(call->api, delete->ids, on_deleted, delete,
                                                     &call->api_call);
}

static int note_link(Delete *delete, const char *authenticator_id)
{
        Link *link;
        int r;

        r = store_get_link(delete->call.tenancy->store, delete->call.tenancy->id, authenticator_id,
                           &link);
        if (r == ERROR_NOT_FOUND)
                return 0;
        return r != 0 ? r : link_list_push(&delete->links, link);
}

static int note_links(Delete *delete)
{
        Tenancy *tenancy = delete->call.tenancy;
        int r = 0;

        if (delete->user_id)
                return store_list_by_user(tenancy->store, tenancy->id, delete->user_id,
                                          &delete->links);
        for (char **id = delete->ids; r == 0 && id && *id; id++)
                r = note_link(delete, *id);
        return r;
}

/* The delete continues without an intent if the store fails; then a crash may leave links. */
static void on_begun(int r, uint64_t intent_id, const LinkList *links, void *userdata)
{
        Delete *delete = userdata;

        delete->intent_id = r == 0 ? intent_id : 0;
        r = r == 0 ? link_list_copy(links, &delete->links) : note_links(delete);
        if (r == 0)
                r = delete_ask(delete);
        if (r == 0)
                return;
        delete->result = r;
        delete_remove_links(delete, &(LinkList){});
}

static int delete_begin(Delete *delete)
{
        Tenancy *tenancy = delete->call.tenancy;
        const StoreDelete request = {.endpoint = api_endpoint(delete->call.api),
                                     .authenticator_ids = delete->ids,
                                     .user_id = delete->user_id};

        return store_begin_delete(tenancy->store, tenancy->id, &request, on_begun, delete, NULL);
}

int vault_delete(Tenancy *tenancy, char *const *passkey_ids, const char *user_id,
                 const AuditOrigin *origin, ResultFunc func, void *userdata)
{
        Delete *delete;
        int r;

        r = call_new(sizeof(Delete), tenancy, func, userdata, &delete);
        if (r != 0)
                return r;
        delete->call.destroy = delete_destroy;
        delete->origin = *origin;
        delete->user_id = user_id ? strdup(user_id) : NULL;
        r = user_id && !delete->user_id ? -ENOMEM : strv_copy(passkey_ids, &delete->ids);
        if (r == 0)
                r = delete_begin(delete);
        return call_started(&delete->call, r, NULL);
}

/* Looking up many passkeys may take long; delete recovery continues with them. */
static void abort_calls(Tenancy *tenancy)
{
        Delete *delete;

        while ((delete = LIST_FIRST(&tenancy->unconfirmed_deletes))) {
                delete_cancel_probe(delete);
                delete_leave_all(delete);
        }
}

const TenancyPart unconfirmed_deletes_part = {.abort_calls = abort_calls};
