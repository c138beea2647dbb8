/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "client/libpasslock/types/list.h"
#include "client/libpasslock/types/result.h"

struct passlock_passkey {
        Object object;
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

/* Number of leading fields that a list entry has. */
#define N_LIST_FIELDS 7U

static const Field fields[] = {
        FIELD(passlock_passkey, "id", true, id),
        FIELD(passlock_passkey, "user_id", false, user_id),
        FIELD(passlock_passkey, "enabled", true, enabled),
        FIELD(passlock_passkey, "created_at", true, created_at_ms),
        FIELD(passlock_passkey, "last_used_at", true, last_used_at_ms),
        FIELD(passlock_passkey, "credential_id", true, credential_id),
        FIELD(passlock_passkey, "credential_user_id", true, credential_user_id),

        FIELD(passlock_passkey, "username", true, username),
        FIELD(passlock_passkey, "aaguid", true, aaguid),
        FIELD(passlock_passkey, "backed_up", true, backed_up),
        FIELD(passlock_passkey, "counter", true, counter),
        FIELD(passlock_passkey, "device_type", true, device_type),
        FIELD(passlock_passkey, "transports", true, transports),
        FIELD(passlock_passkey, "public_key", true, public_key),
        FIELD(passlock_passkey, "rp_id", true, rp_id),
        FIELD(passlock_passkey, "updated_at", true, updated_at_ms),
        FIELD(passlock_passkey, "platform_name", false, platform_name),
        FIELD(passlock_passkey, "platform_icon", false, platform_icon),
};

static const ObjectType type = {sizeof(passlock_passkey), fields, ARRAY_SIZE(fields)};
static const ObjectType entry_type = {sizeof(passlock_passkey), fields, N_LIST_FIELDS};

DEFINE_REF(passkey);

DEFINE_GETTER(passkey, const char *, get_id, id);
DEFINE_GETTER(passkey, const char *, get_user_id, user_id);
DEFINE_GETTER(passkey, const char *, get_credential_id, credential_id);
DEFINE_GETTER(passkey, const char *, get_credential_user_id, credential_user_id);
DEFINE_GETTER(passkey, const char *, get_username, username);
DEFINE_GETTER(passkey, const char *, get_aaguid, aaguid);
DEFINE_GETTER(passkey, const char *, get_device_type, device_type);
DEFINE_GETTER(passkey, const char *, get_public_key, public_key);
DEFINE_GETTER(passkey, const char *, get_rp_id, rp_id);
DEFINE_GETTER(passkey, const char *, get_platform_name, platform_name);
DEFINE_GETTER(passkey, const char *, get_platform_icon, platform_icon);
DEFINE_GETTER(passkey, uint64_t, get_created_at_ms, created_at_ms);
DEFINE_GETTER(passkey, uint64_t, get_updated_at_ms, updated_at_ms);
DEFINE_GETTER(passkey, uint64_t, get_last_used_at_ms, last_used_at_ms);
DEFINE_GETTER(passkey, uint64_t, get_counter, counter);
DEFINE_GETTER(passkey, bool, is_enabled, enabled);
DEFINE_GETTER(passkey, bool, is_backed_up, backed_up);
DEFINE_STRV_GETTER(passkey, transports);

DEFINE_LIST(passkey);
DEFINE_GETTER(passkey_list, const char *, get_next_cursor, list.next_cursor);

DEFINE_RESULT(passkey, passkey, type);

static const ObjectType page_type = LIST_TYPE(list_read_page, &entry_type);

DEFINE_RESULT(passkey_page, passkey_list, page_type);
