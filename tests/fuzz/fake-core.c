/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>

#include "base/strv.h"
#include "daemon/api/api-json.h"
#include "daemon/bus/interfaces/subscription.h"
#include "daemon/core/authorize.h"
#include "daemon/core/exchange.h"
#include "daemon/core/links.h"
#include "daemon/core/mailbox.h"
#include "daemon/core/reconcile.h"
#include "daemon/core/vault.h"
#include "daemon/core/verify-id-token.h"
#include "daemon/model/valid.h"
#include "dbus/error.h"
#include "tests/fuzz/fake-core.h"

unsigned fake_n_calls;

static int reply(ResultFunc func, void *userdata, const Result *result)
{
        fake_n_calls++;
        func(result, userdata);
        return CALL_ANSWERED;
}

static bool is_optional(const char *s, bool (*is_valid)(const char *s))
{
        return !s || is_valid(s);
}

static void check_ids(char *const *ids, size_t n_max)
{
        assert(strv_len(ids) <= n_max);
        for (; ids && *ids; ids++)
                assert(id_is_valid(*ids));
}

/* Results */

static const Token token = {.token = (char *) "token", .expires_at_ms = 1};
static const Management management = {.token = (char *) "token", .expires_at_ms = 1};
static Passkey passkey = {.id = (char *) "pk1", .credential_id = (char *) "c"};
static Passkey *passkey_array[] = {&passkey, &passkey};
static const PasskeyList passkeys = {.passkeys = passkey_array, .n_passkeys = 2};
static const Challenge challenge = {.id = (char *) "ch1", .secret = (char *) "s"};
static Principal principal = {.id = (char *) "pr1",
                              .user_id = (char *) "ada",
                              .authenticator_id = (char *) "pk1",
                              .authenticator_type = (char *) "passkey"};
static const IdempotencyRecord answer = {.principal = &principal, .linked = true};

/* Tenancy */

int authorize_registration_start(Tenancy *tenancy _unused_, Registration *registration,
                                 bool exclude_linked _unused_, ResultFunc func, void *userdata,
                                 Call **ret _unused_)
{
        _cleanup_(registration_freep) Registration *r = registration;

        assert(rp_id_is_valid(r->rp_id) && username_is_valid(r->rp_name));
        assert(user_id_is_valid(r->user_id) && username_is_valid(r->username));
        assert(is_optional(r->display_name, username_is_valid));
        assert(is_optional(r->user_verification, user_verification_is_valid));
        check_ids(r->exclude_credentials, OPTION_LIST_MAX);
        return reply(func, userdata, &(Result){.token = &token});
}

int authorize_authentication_start(Tenancy *tenancy _unused_, const Authentication *a,
                                   ResultFunc func, void *userdata, Call **ret _unused_)
{
        _cleanup_(freep) char *body = NULL;
        int r;

        assert(rp_id_is_valid(a->rp_id) && is_optional(a->user_id, user_id_is_valid));
        assert(is_optional(a->mediation, mediation_is_valid));
        assert(is_optional(a->user_verification, user_verification_is_valid));
        check_ids(a->allow_credentials, OPTION_LIST_MAX);
        /* Contradictory options are refused; all others can be sent. */
        if (!authentication_is_valid(a))
                return ERROR_INVALID_ARGS;
        r = api_json_write_authentication(a, &body);
        assert(r == 0);
        return reply(func, userdata, &(Result){.token = &token});
}

int exchange_start(Tenancy *tenancy _unused_, const ExchangeRequest *request, ResultFunc func,
                   void *userdata)
{
        assert(code_is_valid(request->code));
        assert(is_optional(request->user_id, user_id_is_valid));
        assert(is_optional(request->request_id, request_id_is_valid));
        return reply(func, userdata, &(Result){.answer = &answer});
}

int verify_id_token_start(Tenancy *tenancy _unused_, const char *id_token, const char *user_id,
                          ResultFunc func, void *userdata, Call **ret _unused_)
{
        assert(id_token_is_valid(id_token) && is_optional(user_id, user_id_is_valid));
        return reply(func, userdata, &(Result){.principal = &principal});
}

/* Links */

int links_get(Tenancy *tenancy _unused_, const char *authenticator_id, Link **ret)
{
        assert(id_is_valid(authenticator_id));
        fake_n_calls++;
        return link_new(authenticator_id, "ada", NULL, 1, 0, ret);
}

int links_confirm_no_link(Tenancy *tenancy _unused_, const char *authenticator_id _unused_,
                          ResultFunc func _unused_, void *userdata _unused_, Call **ret _unused_)
{
        return ERROR_NOT_FOUND;
}

int links_confirm_none_of_user(Tenancy *tenancy _unused_, const char *user_id _unused_,
                               ResultFunc func _unused_, void *userdata _unused_,
                               Call **ret _unused_)
{
        return ERROR_NOT_FOUND;
}

int links_list_by_user(Tenancy *tenancy _unused_, const char *user_id, LinkList *ret)
{
        Link *link;

        assert(user_id_is_valid(user_id));
        fake_n_calls++;
        return link_new("pk1", user_id, "Keychain", 1, 2, &link) < 0 ? -ENOMEM
                                                                     : link_list_push(ret, link);
}

int links_list(Tenancy *tenancy _unused_, const char *cursor, uint32_t limit, size_t max_bytes,
               LinkList *ret, char **ret_next_cursor)
{
        assert(cursor && max_bytes > 0);
        if (limit > LINKS_PAGE_MAX || (*cursor && !id_is_valid(cursor)))
                return ERROR_INVALID_ARGS;
        *ret_next_cursor = strdup(cursor);
        return links_list_by_user(tenancy, "ada", ret);
}

int links_count(Tenancy *tenancy _unused_, uint64_t *ret _unused_)
{
        return ERROR_STORE_FAILED;
}

int links_add(Tenancy *tenancy _unused_, const char *user_id, const char *authenticator_id,
              const AuditOrigin *origin _unused_, ResultFunc func, void *userdata)
{
        assert(user_id_is_valid(user_id) && id_is_valid(authenticator_id));
        return reply(func, userdata, &(Result){.n_links = 1});
}

int links_remove(Tenancy *tenancy _unused_, const char *authenticator_id,
                 const AuditOrigin *origin _unused_, ResultFunc func, void *userdata)
{
        assert(id_is_valid(authenticator_id));
        return reply(func, userdata, &(Result){.r = ERROR_NOT_FOUND});
}

int links_remove_by_user(Tenancy *tenancy _unused_, const char *user_id,
                         const AuditOrigin *origin _unused_, ResultFunc func, void *userdata)
{
        assert(user_id_is_valid(user_id));
        return reply(func, userdata, &(Result){.n_links = 2});
}

int links_import(Tenancy *tenancy _unused_, const LinkList *links, bool dry_run _unused_,
                 const AuditOrigin *origin _unused_, ResultFunc func, void *userdata)
{
        _cleanup_(freep) LinkOutcome *outcomes = calloc(links->n_links + 1, sizeof(LinkOutcome));

        assert(outcomes && links->n_links <= LINKS_IMPORT_MAX);
        for (size_t i = 0; i < links->n_links; i++) {
                const Link *link = links->links[i];

                assert(id_is_valid(link->authenticator_id) && user_id_is_valid(link->user_id));
                assert(is_optional(link->platform_name, platform_name_is_valid));
                assert(link->created_at_ms <= TIME_MS_MAX && link->last_used_at_ms <= TIME_MS_MAX);
                outcomes[i] = (LinkOutcome) (i % 4);
        }
        return reply(func, userdata, &(Result){.links = links, .outcomes = outcomes});
}

int reconcile_start(Tenancy *tenancy _unused_, const ReconcileOptions *options,
                    const AuditOrigin *origin _unused_, ResultFunc func,
                    ReconcileProgressFunc progress, void *userdata, Call **ret _unused_)
{
        const ReconcileCounts counts = {.checked = 1};

        progress(1, 2, userdata);
        return reply(func, userdata,
                     &(Result){.r = options->max_remove == 0 ? ERROR_LIMITS_EXCEEDED : 0,
                               .counts = &counts});
}

int subscriptions_add(Subscriptions *subscriptions _unused_, const Request *request _unused_)
{
        return ERROR_LIMITS_EXCEEDED;
}

void subscriptions_remove(Subscriptions *subscriptions _unused_, const char *unique_name)
{
        assert(unique_name);
}

/* Vault */

int vault_get(Tenancy *tenancy _unused_, const char *passkey_id, ResultFunc func, void *userdata,
              Call **ret _unused_)
{
        assert(id_is_valid(passkey_id));
        return reply(func, userdata, &(Result){.passkey = &passkey});
}

int vault_list(Tenancy *tenancy _unused_, const char *cursor, ResultFunc func, void *userdata,
               Call **ret _unused_)
{
        assert(!*cursor || text_is_valid(cursor, VAULT_CURSOR_LEN_MAX));
        return reply(func, userdata, &(Result){.passkeys = &passkeys, .next_cursor = cursor});
}

int vault_prune(Tenancy *tenancy _unused_, const char *user_id, ResultFunc func, void *userdata,
                Call **ret _unused_)
{
        assert(user_id_is_valid(user_id));
        return reply(func, userdata, &(Result){.r = ERROR_RATE_LIMITED, .retry_after_s = 3});
}

int vault_update(Tenancy *tenancy _unused_, const char *user_id, const char *username,
                 const char *display_name, ResultFunc func, void *userdata)
{
        assert(user_id_is_valid(user_id) && username_is_valid(username));
        assert(is_optional(display_name, username_is_valid));
        return reply(func, userdata, &(Result){.management = &management});
}

int vault_delete(Tenancy *tenancy _unused_, char *const *passkey_ids, const char *user_id,
                 const AuditOrigin *origin _unused_, ResultFunc func, void *userdata)
{
        assert(!passkey_ids == !!user_id && is_optional(user_id, user_id_is_valid));
        assert(user_id || strv_len(passkey_ids) > 0);
        check_ids(passkey_ids, PASSKEYS_DELETE_MAX);
        for (char *const *id = passkey_ids; id && *id; id++)
                assert(!strv_contains(id + 1, *id));
        return reply(func, userdata, &(Result){.management = &management});
}

/* Mailbox */

int mailbox_create(Tenancy *tenancy _unused_, const ChallengeRequest *request, ResultFunc func,
                   void *userdata)
{
        _cleanup_(freep) char *body = NULL;
        int r;

        assert(email_is_valid(request->email) && purpose_is_valid(request->purpose));
        assert(is_optional(request->name, username_is_valid));
        assert(is_optional(request->user_id, user_id_is_valid));
        assert(is_optional(request->metadata, metadata_is_valid));
        r = api_json_write_challenge(request, &body);
        assert(r == 0 || (r == ERROR_INVALID_ARGS && request->metadata));
        return r != 0 ? r : reply(func, userdata, &(Result){.challenge = &challenge});
}

int mailbox_get(Tenancy *tenancy _unused_, const char *challenge_id, ResultFunc func,
                void *userdata)
{
        assert(id_is_valid(challenge_id));
        return reply(func, userdata, &(Result){.challenge = &challenge});
}

int mailbox_verify(Tenancy *tenancy _unused_, const char *challenge_id, const char *secret,
                   const char *code, ResultFunc func, void *userdata)
{
        assert(id_is_valid(challenge_id) && secret_is_valid(secret));
        assert(challenge_code_is_valid(code));
        return reply(func, userdata, &(Result){.challenge = &challenge});
}

int mailbox_delete(Tenancy *tenancy _unused_, const char *challenge_id, ResultFunc func,
                   void *userdata)
{
        assert(id_is_valid(challenge_id));
        return reply(func, userdata, &(Result){});
}

uint32_t tenancy_retry_after_s(const Tenancy *tenancy _unused_)
{
        return 0;
}
