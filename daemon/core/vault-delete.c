/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/strv.h"
#include "daemon/api/api.h"
#include "daemon/core/links.h"
#include "daemon/core/tenancy-internal.h"
#include "daemon/core/vault.h"
#include "dbus/error.h"

/*
 * A delete goes through two stages. First the API is asked. Then the links follow: of all the
 * passkeys if it agreed; if its answer is lost, of those that it no longer knows when asked for
 * each. What was asked is then answered once the last of these has ended.
 */
typedef struct Delete {
        Tenancy *tenancy;
        unsigned generation;
        char **ids;    /* the passkeys, as far as they are known here */
        char *user_id; /* of a delete by user, else NULL */
        Cause cause;
        VaultManagementFunc func;
        void *userdata;

        size_t n_open; /* what the second stage still waits for */
        int result;
        uint32_t retry_after_s;
        Management management;
} Delete;

static Delete *delete_free(Delete *delete)
{
        management_clear(&delete->management);
        strv_free(delete->ids);
        free(delete->user_id);
        tenancy_unref(delete->tenancy);
        free(delete);
        return NULL;
}
DEFINE_CLEANUP(Delete *, delete_free);

/* One thing less to wait for. */
static void delete_close(Delete *delete)
{
        if (--delete->n_open > 0)
                return;
        delete->func(delete->result, delete->retry_after_s,
                     delete->result == 0 ? &delete->management : NULL, delete->userdata);
        delete_free(delete);
}

static void on_unlinked(int r, size_t n _unused_, void *userdata)
{
        Delete *delete = userdata;

        if (r != 0 && r != ERROR_NOT_FOUND && delete->result == 0)
                delete->result = r;
        delete_close(delete);
}

static void unlink_one(Delete *delete, const char *id)
{
        int r;

        delete->n_open++;
        r = links_remove(delete->tenancy, id, &delete->cause, on_unlinked, delete);
        if (r != 0)
                on_unlinked(r, 0, delete);
}

static void unlink_user(Delete *delete)
{
        int r;

        delete->n_open++;
        r = links_remove_by_user(delete->tenancy, delete->user_id, &delete->cause, on_unlinked,
                                 delete);
        if (r != 0)
                on_unlinked(r, 0, delete);
}

/* Whether a passkey is still there, now that nobody knows what became of the delete. */
typedef struct Probe {
        Delete *delete;
        const char *id; /* lent by the delete */
} Probe;

static void on_probed(int r, uint32_t retry_after_s _unused_, const Passkey *passkey _unused_,
                      void *userdata)
{
        _cleanup_(freep) Probe *probe = userdata;

        tenancy_note_api_result(probe->delete->tenancy, probe->delete->generation, r);
        if (r == ERROR_NOT_FOUND)
                unlink_one(probe->delete, probe->id);
        else if (r != 0)
                audit(EVENT_DELETE_UNCERTAIN, .cause = &probe->delete->cause,
                      .tenancy = tenancy_label(probe->delete->tenancy),
                      .authenticator_id = probe->id, .error = r);
        delete_close(probe->delete);
}

static void probe_one(Delete *delete, const char *id)
{
        Probe *probe = malloc(sizeof(Probe));
        ApiCall *call;
        int r = -ENOMEM;

        if (probe) {
                *probe = (Probe){.delete = delete, .id = id};
                r = api_get_passkey(delete->tenancy->api, id, on_probed, probe, &call);
        }
        if (r == 0) {
                delete->n_open++;
                return;
        }
        free(probe);
        if (r == ERROR_NOT_FOUND) /* of what cannot be an id */
                unlink_one(delete, id);
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

        tenancy_note_api_result(delete->tenancy, delete->generation, r);
        delete->result = r;
        delete->retry_after_s = retry_after_s;
        delete->n_open = 1; /* this function's own */
        if (r == 0) {
                delete->result = keep_management(delete, management);
                for (char **id = delete->ids; !delete->user_id && id && *id; id++)
                        unlink_one(delete, *id);
                if (delete->user_id)
                        unlink_user(delete);
        } else if (r < 0 || r == ERROR_UNREACHABLE || r == ERROR_MALFORMED_REPLY) {
                for (char **id = delete->ids; id && *id; id++)
                        probe_one(delete, *id);
        }
        delete_close(delete);
}

static int delete_new(Tenancy *tenancy, const Cause *cause, VaultManagementFunc func,
                      void *userdata, Delete **ret)
{
        Delete *delete;

        if (!tenancy->key)
                return ERROR_NOT_CONFIGURED;
        delete = calloc(1, sizeof(Delete));
        if (!delete)
                return -ENOMEM;
        *delete = (Delete){.tenancy = tenancy_ref(tenancy),
                           .generation = tenancy->generation,
                           .cause = *cause,
                           .func = func,
                           .userdata = userdata};
        *ret = delete;
        return 0;
}

int vault_delete(Tenancy *tenancy, char *const *passkey_ids, const Cause *cause,
                 VaultManagementFunc func, void *userdata)
{
        _cleanup_(delete_freep) Delete *delete = NULL;
        ApiCall *call;
        int r;

        r = delete_new(tenancy, cause, func, userdata, &delete);
        if (r == 0)
                r = strv_copy(passkey_ids, &delete->ids);
        if (r == 0)
                r = api_delete_passkeys(tenancy->api, delete->ids, on_deleted, delete, &call);
        if (r != 0)
                return r;
        TAKE_PTR(delete);
        return 0;
}

int vault_delete_user(Tenancy *tenancy, const char *user_id, const Cause *cause,
                      VaultManagementFunc func, void *userdata)
{
        _cleanup_(link_list_clear) LinkList links = {};
        _cleanup_(delete_freep) Delete *delete = NULL;
        ApiCall *call;
        int r;

        r = delete_new(tenancy, cause, func, userdata, &delete);
        if (r == 0)
                r = links_list_by_user(tenancy, user_id, &links);
        for (size_t i = 0; r == 0 && i < links.n_links; i++)
                r = strv_push(&delete->ids, links.links[i]->authenticator_id);
        if (r != 0)
                return r;
        delete->user_id = strdup(user_id);
        if (!delete->user_id)
                return -ENOMEM;
        r = api_delete_user_passkeys(tenancy->api, user_id, on_deleted, delete, &call);
        if (r != 0)
                return r;
        TAKE_PTR(delete);
        return 0;
}
