/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sandbox/tenancy/passkey.h"
#include "sandbox/tenancy/platform.h"

json_t *passkey_new(const char *id, const PasskeyOwner *owner, const Credential *credential,
                    int64_t now_ms)
{
        const Platform *platform = platform_find(credential->aaguid);
        json_t *passkey;

        passkey = must(json_pack(
                "{s:s, s:s, s:s, s:b, s:{s:s, s:s, s:s, s:s, s:b, s:I, s:s, s:O, s:s, s:s}, "
                "s:I, s:I}",
                "_tag", "Passkey", "id", id, "userId", owner->user_id, "enabled", 1, "credential",
                "id", credential->id, "userId", owner->user_handle, "username", owner->username,
                "aaguid", credential->aaguid, "backedUp", credential->backed_up, "counter",
                (json_int_t) credential->counter, "deviceType",
                credential->backup_eligible ? "multiDevice" : "singleDevice", "transports",
                credential->transports, "publicKey", credential->public_key, "rpId", owner->rp_id,
                "createdAt", (json_int_t) now_ms, "updatedAt", (json_int_t) now_ms));
        if (platform)
                json_object_set_new(passkey, "platform",
                                    must(json_pack("{s:s}", "name", platform->name)));
        return passkey;
}

static bool credential_is_valid(json_t *credential)
{
        const char *id, *handle, *username, *aaguid, *type, *key, *rp_id;
        json_t *transports, *name;
        json_int_t counter;
        int backed_up;
        size_t i;

        if (json_unpack_ex(credential, NULL, JSON_STRICT,
                           "{s:s, s:s, s:s, s:s, s:b, s:I, s:s, s:o, s:s, s:s}", "id", &id,
                           "userId", &handle, "username", &username, "aaguid", &aaguid, "backedUp",
                           &backed_up, "counter", &counter, "deviceType", &type, "transports",
                           &transports, "publicKey", &key, "rpId", &rp_id) < 0 ||
            !json_is_array(transports))
                return false;
        json_array_foreach(transports, i, name)
                if (!json_is_string(name))
                        return false;
        return streq(type, "multiDevice") || streq(type, "singleDevice");
}

bool passkey_is_valid(json_t *passkey)
{
        const char *tag, *id, *user_id, *platform;
        json_int_t created_at_ms, updated_at_ms, last_used_ms;
        json_t *credential;
        int enabled;

        return json_unpack_ex(passkey, NULL, JSON_STRICT,
                              "{s:s, s:s, s:s, s:b, s:o, s?{s:s}, s:I, s:I, s?I}", "_tag", &tag,
                              "id", &id, "userId", &user_id, "enabled", &enabled, "credential",
                              &credential, "platform", "name", &platform, "createdAt",
                              &created_at_ms, "updatedAt", &updated_at_ms, "lastUsed",
                              &last_used_ms) == 0 &&
               streq(tag, "Passkey") && credential_is_valid(credential);
}

static json_t *credential_of(const json_t *passkey)
{
        return json_object_get(passkey, "credential");
}

static json_t *credential_member(const json_t *passkey, const char *key)
{
        return json_object_get(credential_of(passkey), key);
}

const char *passkey_id(const json_t *passkey)
{
        return json_text(passkey, "id");
}

const char *passkey_credential_id(const json_t *passkey)
{
        return json_text(credential_of(passkey), "id");
}

const char *passkey_public_key(const json_t *passkey)
{
        return json_text(credential_of(passkey), "publicKey");
}

PasskeyOwner passkey_owner(const json_t *passkey)
{
        const json_t *credential = credential_of(passkey);

        return (PasskeyOwner){
                .rp_id = json_text(credential, "rpId"),
                .user_id = json_text(passkey, "userId"),
                .username = json_text(credential, "username"),
                .user_handle = json_text(credential, "userId"),
        };
}

bool passkey_is_enabled(const json_t *passkey)
{
        return json_is_true(json_object_get(passkey, "enabled"));
}

bool passkey_is_backup_eligible(const json_t *passkey)
{
        return streq(json_text(credential_of(passkey), "deviceType"), "multiDevice");
}

uint32_t passkey_counter(const json_t *passkey)
{
        return (uint32_t) json_integer_value(credential_member(passkey, "counter"));
}

json_t *passkey_descriptor(const json_t *passkey)
{
        json_t *transports = credential_member(passkey, "transports"), *descriptor;

        descriptor = must(json_pack("{s:O, s:s}", "id", credential_member(passkey, "id"), "type",
                                    "public-key"));
        if (json_array_size(transports) > 0)
                json_object_set(descriptor, "transports", transports);
        return descriptor;
}

/* Replace values, do not modify them: passkeys may share values. */
void passkey_use(json_t *passkey, const Assertion *assertion, int64_t now_ms)
{
        json_t *credential = credential_of(passkey);

        json_object_set_new(credential, "counter", json_integer(assertion->counter));
        json_object_set_new(credential, "backedUp", json_boolean(assertion->backed_up));
        json_object_set_new(passkey, "lastUsed", json_integer(now_ms));
        json_object_set_new(passkey, "updatedAt", json_integer(now_ms));
}

void passkey_rename(json_t *passkey, const char *username, int64_t now_ms)
{
        json_object_set_new(credential_of(passkey), "username", json_string(username));
        json_object_set_new(passkey, "updatedAt", json_integer(now_ms));
}

json_t *passkey_summary(const json_t *passkey)
{
        json_t *last_used = json_object_get(passkey, "lastUsed");
        json_t *summary;

        summary = must(json_pack(
                "{s:s, s:O, s:O, s:O, s:{s:O, s:O}, s:O}", "_tag", "PasskeySummary", "id",
                json_object_get(passkey, "id"), "userId", json_object_get(passkey, "userId"),
                "enabled", json_object_get(passkey, "enabled"), "credential", "id",
                credential_member(passkey, "id"), "userId", credential_member(passkey, "userId"),
                "createdAt", json_object_get(passkey, "createdAt")));
        if (last_used)
                json_object_set(summary, "lastUsed", last_used);
        return summary;
}
