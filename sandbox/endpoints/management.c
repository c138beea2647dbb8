/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Passkey management. The backend changes the vault and gets a token; the page exchanges the token
 * for Signal API instructions and warnings, both as of the change.
 */

#include "sandbox/endpoints/handlers.h"
#include "sandbox/endpoints/request-body.h"
#include "sandbox/endpoints/signal-api.h"

static void warn(json_t *warnings, const char *code, const char *message, const char *passkey)
{
        json_t *warning = must(json_pack("{s:s, s:s}", "code", code, "message", message));

        if (passkey)
                json_object_set_new(warning, "passkeyId", json_string(passkey));
        json_array_append_new(warnings, warning);
}

/* Returns the owned passkeys of a user; warns if there are none. */
static json_t *passkeys_of_user(const Call *call, const char *user_id, json_t *warnings)
{
        json_t *passkeys = vault_of_user(&call->tenancy->vault, user_id);

        if (json_array_size(passkeys) == 0)
                warn(warnings, "NO_PASSKEYS_FOUND", "The user has no passkeys", NULL);
        return passkeys;
}

/* Returns the owned passkeys with these ids; warns about each missing id. */
static json_t *passkeys_with_ids(const Call *call, const json_t *ids, json_t *warnings)
{
        json_t *id;
        size_t i;

        json_array_foreach(ids, i, id) {
                if (!vault_find(&call->tenancy->vault, json_string_value(id)))
                        warn(warnings, "PASSKEY_NOT_FOUND", "There is no passkey with this id",
                             json_string_value(id));
        }
        return vault_pick(&call->tenancy->vault, ids);
}

/* The token of a change, and the tags of its replies. */
typedef struct Preparation {
        TokenKind kind;
        unsigned status;
        const char *tag;
        const char *token_member;
        const char *instructions_tag;
} Preparation;

static const Preparation update = {TOKEN_UPDATE, 202, "PreparedPasskeyUpdate",
                                   "updatePasskeysToken", "PasskeyUpdateInstructions"};
static const Preparation deletion = {TOKEN_DELETE, 202, "PreparedPasskeyDeletion",
                                     "deletePasskeysToken", "PasskeyDeletionInstructions"};
static const Preparation pruning = {TOKEN_PRUNE, 200, "PreparedPasskeyPruning",
                                    "prunePasskeysToken", "PasskeyPruningInstructions"};

/*
 * Stores instructions and warnings in a token; takes ownership of the instructions. Returns the
 * reply.
 */
static Reply *prepare(const Call *call, const Preparation *preparation, json_t *instructions,
                      json_t *warnings)
{
        _cleanup_(freep) char *token = NULL;
        int64_t expires_at_ms;
        json_t *answer;

        answer = must(json_pack("{s:s, s:o, s:O}", "_tag", preparation->instructions_tag,
                                "instructions", instructions, "warnings", warnings));
        token = call_issue(call, preparation->kind, TOKEN_LIFETIME_MS, answer, &expires_at_ms);
        return reply_json(preparation->status,
                          json_pack("{s:s, s:s, s:I, s:O}", "_tag", preparation->tag,
                                    preparation->token_member, token, "expiresAt",
                                    (json_int_t) expires_at_ms, "warnings", warnings));
}

Reply *handle_passkeys_update(const Call *call)
{
        _cleanup_(json_decrefp) json_t *passkeys = NULL, *warnings = must(json_array());
        RequestBody body = {call->json_body};
        const char *user_id = request_body_text(&body, "userId", REQUEST_BODY_TEXT_MAX);
        const char *username = request_body_text(&body, "username", REQUEST_BODY_TEXT_MAX);
        const char *display_name =
                request_body_optional_text(&body, "displayName", REQUEST_BODY_TEXT_MAX);
        int64_t now_ms = sandbox_now_ms(call->sandbox);
        json_t *passkey;
        size_t i;

        if (*body.problem)
                return reply_error(ERROR_BAD_REQUEST, body.problem);
        passkeys = passkeys_of_user(call, user_id, warnings);
        json_array_foreach(passkeys, i, passkey) {
                passkey_rename(passkey, username, now_ms);
        }
        return prepare(
                call, &update,
                signal_api_user_details(passkeys, username, display_name ? display_name : username),
                warnings);
}

/* Returns the owned passkeys to delete, or NULL if the body is invalid. */
static json_t *passkeys_to_delete(const Call *call, RequestBody *body, json_t *warnings)
{
        const char *user_id = request_body_optional_id(body, "userId", REQUEST_BODY_TEXT_MAX);
        _cleanup_(json_decrefp) json_t *ids = request_body_texts(body, "passkeyIds");

        if (!user_id == !ids)
                request_body_fail(body, "Exactly one of passkeyIds and userId is required");
        if (ids && json_array_size(ids) == 0)
                request_body_fail(body, "passkeyIds must not be empty");
        if (*body->problem)
                return NULL;
        return ids ? passkeys_with_ids(call, ids, warnings)
                   : passkeys_of_user(call, user_id, warnings);
}

Reply *handle_passkeys_delete(const Call *call)
{
        _cleanup_(json_decrefp) json_t *passkeys = NULL, *warnings = must(json_array());
        RequestBody body = {call->json_body};
        json_t *passkey;
        Reply *reply;
        size_t i;

        passkeys = passkeys_to_delete(call, &body, warnings);
        if (!passkeys)
                return reply_error(ERROR_BAD_REQUEST, body.problem);
        reply = prepare(call, &deletion, signal_api_unknown_credentials(passkeys), warnings);
        json_array_foreach(passkeys, i, passkey) {
                vault_remove(&call->tenancy->vault, passkey);
        }
        return reply;
}

Reply *handle_passkeys_prune(const Call *call)
{
        _cleanup_(json_decrefp) json_t *passkeys = NULL, *warnings = must(json_array());
        RequestBody body = {call->json_body};
        const char *user_id = request_body_text(&body, "userId", REQUEST_BODY_TEXT_MAX);

        if (*body.problem)
                return reply_error(ERROR_BAD_REQUEST, body.problem);
        passkeys = passkeys_of_user(call, user_id, warnings);
        return prepare(call, &pruning, signal_api_accepted_credentials(passkeys), warnings);
}

static Reply *redeem(const Call *call, const Preparation *preparation)
{
        json_t *answer = call_redeem(call, preparation->token_member, preparation->kind);

        if (!answer)
                return reply_error(ERROR_BAD_REQUEST,
                                   "The token is unknown, expired or already used");
        return reply_json(200, answer);
}

Reply *handle_update_exchange(const Call *call)
{
        return redeem(call, &update);
}

Reply *handle_delete_exchange(const Call *call)
{
        return redeem(call, &deletion);
}

Reply *handle_prune_exchange(const Call *call)
{
        return redeem(call, &pruning);
}
