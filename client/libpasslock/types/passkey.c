/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "client/libpasslock/types/result.h"
#include "client/libpasslock/types/vardict-array.h"
#include "client/libpasslock/types/vardict.h"

struct passlock_passkey {
        unsigned n_ref;
        char *id;
        char *user_id;
        char *credential_id;
        char *credential_user_id;
        char *username;
        char *aaguid;
        char *device_type;
        char *public_key;
        char *rp_id;
        char *platform_name;
        char *platform_icon;
        char **transports;
        uint64_t created_at_ms;
        uint64_t updated_at_ms;
        uint64_t last_used_at_ms;
        uint64_t counter;
        bool enabled;
        bool backed_up;
};

struct passlock_passkey_list {
        unsigned n_ref;
        VardictArray array;
        char *next_cursor;
};

#define FIELD(name, type, required, member) \
        { \
                (name), (type), (required), offsetof(passlock_passkey, member) \
        }

/* Number of leading fields that a list entry has. */
#define N_LIST_FIELDS 7U

static const VardictField fields[] = {
        FIELD("id", 's', true, id),
        FIELD("user_id", 's', false, user_id),
        FIELD("enabled", 'b', true, enabled),
        FIELD("created_at", 't', true, created_at_ms),
        FIELD("last_used_at", 't', true, last_used_at_ms),
        FIELD("credential_id", 's', true, credential_id),
        FIELD("credential_user_id", 's', true, credential_user_id),

        FIELD("username", 's', true, username),
        FIELD("aaguid", 's', true, aaguid),
        FIELD("backed_up", 'b', true, backed_up),
        FIELD("counter", 't', true, counter),
        FIELD("device_type", 's', true, device_type),
        FIELD("transports", 'a', true, transports),
        FIELD("public_key", 's', true, public_key),
        FIELD("rp_id", 's', true, rp_id),
        FIELD("updated_at", 't', true, updated_at_ms),
        FIELD("platform_name", 's', false, platform_name),
        FIELD("platform_icon", 's', false, platform_icon),
};

static void passkey_destroy(passlock_passkey *passkey)
{
        vardict_clear(fields, ARRAY_SIZE(fields), passkey);
        free(passkey);
}

DEFINE_REF(passlock_passkey, passkey_destroy);

#define DEFINE_GETTER(type, name, member) \
        _public_ type passlock_passkey_##name(const passlock_passkey *passkey) \
        { \
                return passkey->member; \
        } \
        struct swallow_semicolon

DEFINE_GETTER(const char *, get_id, id);
DEFINE_GETTER(const char *, get_user_id, user_id);
DEFINE_GETTER(const char *, get_credential_id, credential_id);
DEFINE_GETTER(const char *, get_credential_user_id, credential_user_id);
DEFINE_GETTER(const char *, get_username, username);
DEFINE_GETTER(const char *, get_aaguid, aaguid);
DEFINE_GETTER(const char *, get_device_type, device_type);
DEFINE_GETTER(const char *, get_public_key, public_key);
DEFINE_GETTER(const char *, get_rp_id, rp_id);
DEFINE_GETTER(const char *, get_platform_name, platform_name);
DEFINE_GETTER(const char *, get_platform_icon, platform_icon);
DEFINE_GETTER(uint64_t, get_created_at_ms, created_at_ms);
DEFINE_GETTER(uint64_t, get_updated_at_ms, updated_at_ms);
DEFINE_GETTER(uint64_t, get_last_used_at_ms, last_used_at_ms);
DEFINE_GETTER(uint64_t, get_counter, counter);
DEFINE_GETTER(bool, is_enabled, enabled);
DEFINE_GETTER(bool, is_backed_up, backed_up);

_public_ const char *const *passlock_passkey_get_transports(const passlock_passkey *passkey)
{
        static const char *const none[] = {NULL};

        return passkey->transports ? (const char *const *) passkey->transports : none;
}

static void passkey_list_destroy(passlock_passkey_list *passkeys)
{
        for (size_t i = 0; i < passkeys->array.n; i++)
                passlock_passkey_unref(passkeys->array.items[i]);
        free(passkeys->array.items);
        free(passkeys->next_cursor);
        free(passkeys);
}

DEFINE_REF(passlock_passkey_list, passkey_list_destroy);

_public_ size_t passlock_passkey_list_get_size(const passlock_passkey_list *passkeys)
{
        return passkeys->array.n;
}

_public_ passlock_passkey *passlock_passkey_list_get(const passlock_passkey_list *passkeys,
                                                     size_t index)
{
        return index < passkeys->array.n ? passkeys->array.items[index] : NULL;
}

_public_ const char *passlock_passkey_list_get_next_cursor(const passlock_passkey_list *passkeys)
{
        return passkeys->next_cursor;
}

static int passkey_read_fields(sd_bus_message *m, size_t n_fields, passlock_passkey **ret)
{
        _cleanup_(passlock_passkey_unrefp) passlock_passkey *passkey = NULL;
        int r;

        passkey = calloc(1, sizeof(passlock_passkey));
        if (!passkey)
                return -ENOMEM;
        passkey->n_ref = 1;
        r = vardict_read(m, fields, n_fields, passkey);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(passkey);
        return 0;
}

static int passkey_read(sd_bus_message *reply, Result *ret)
{
        return passkey_read_fields(reply, ARRAY_SIZE(fields), &ret->passkey);
}

static void passkey_clear(Result *result)
{
        result->passkey = passlock_passkey_unref(result->passkey);
}

static void passkey_deliver(passlock *client, Callback callback, int r, const char *error_text,
                            const Result *result, void *userdata)
{
        ((passlock_passkey_callback) callback)(client, r, error_text, result->passkey, userdata);
}

const ResultType result_passkey = {
        .read = passkey_read,
        .clear = passkey_clear,
        .deliver = passkey_deliver,
};

static int passkey_read_one_of_list(sd_bus_message *m, void **ret)
{
        return passkey_read_fields(m, N_LIST_FIELDS, (passlock_passkey **) ret);
}

static int passkey_page_read(sd_bus_message *reply, Result *ret)
{
        _cleanup_(passlock_passkey_list_unrefp) passlock_passkey_list *passkeys = NULL;
        const char *cursor;
        int r;

        passkeys = calloc(1, sizeof(passlock_passkey_list));
        if (!passkeys)
                return -ENOMEM;
        passkeys->n_ref = 1;
        r = vardict_array_read(&passkeys->array, reply, passkey_read_one_of_list);
        if (r < 0)
                return r;
        if (sd_bus_message_read(reply, "s", &cursor) <= 0)
                return -EPROTO;
        passkeys->next_cursor = strdup(cursor);
        if (!passkeys->next_cursor)
                return -ENOMEM;
        ret->passkeys = TAKE_PTR(passkeys);
        return 0;
}

static void passkey_page_clear(Result *result)
{
        result->passkeys = passlock_passkey_list_unref(result->passkeys);
}

static void passkey_page_deliver(passlock *client, Callback callback, int r, const char *error_text,
                                 const Result *result, void *userdata)
{
        ((passlock_passkey_list_callback) callback)(client, r, error_text, result->passkeys,
                                                    userdata);
}

const ResultType result_passkey_page = {
        .read = passkey_page_read,
        .clear = passkey_page_clear,
        .deliver = passkey_page_deliver,
};
