/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "client/libpasslock/types/result.h"

struct passlock_principal {
        Object object;
        char *id;
        char *user_id;
        char *authenticator_id;
        char *authenticator_type;
        char *platform_name;
        char *ip_address;
        char *user_agent;
        uint64_t created_at_ms;
        uint64_t expires_at_ms;
        bool verified;
        bool user_verified;
        bool linked;
        bool newly_linked;
};

static const Field fields[] = {
        FIELD(passlock_principal, "id", true, id),
        FIELD(passlock_principal, "user_id", true, user_id),
        FIELD(passlock_principal, "authenticator_id", true, authenticator_id),
        FIELD(passlock_principal, "authenticator_type", true, authenticator_type),
        FIELD(passlock_principal, "created_at", true, created_at_ms),
        FIELD(passlock_principal, "expires_at", true, expires_at_ms),
        FIELD(passlock_principal, "verified", true, verified),
        FIELD(passlock_principal, "user_verified", true, user_verified),
        FIELD(passlock_principal, "platform_name", false, platform_name),
        FIELD(passlock_principal, "ip_address", false, ip_address),
        FIELD(passlock_principal, "user_agent", false, user_agent),
        FIELD(passlock_principal, "linked", false, linked),
        FIELD(passlock_principal, "newly_linked", false, newly_linked),
};

static const ObjectType type = {sizeof(passlock_principal), fields, ARRAY_SIZE(fields)};

DEFINE_REF(principal);

DEFINE_GETTER(principal, const char *, get_id, id);
DEFINE_GETTER(principal, const char *, get_user_id, user_id);
DEFINE_GETTER(principal, const char *, get_authenticator_id, authenticator_id);
DEFINE_GETTER(principal, const char *, get_authenticator_type, authenticator_type);
DEFINE_GETTER(principal, const char *, get_platform_name, platform_name);
DEFINE_GETTER(principal, const char *, get_ip_address, ip_address);
DEFINE_GETTER(principal, const char *, get_user_agent, user_agent);
DEFINE_GETTER(principal, uint64_t, get_created_at_ms, created_at_ms);
DEFINE_GETTER(principal, uint64_t, get_expires_at_ms, expires_at_ms);
DEFINE_GETTER(principal, bool, is_verified, verified);
DEFINE_GETTER(principal, bool, is_user_verified, user_verified);
DEFINE_GETTER(principal, bool, is_linked, linked);
DEFINE_GETTER(principal, bool, is_newly_linked, newly_linked);

DEFINE_RESULT(principal, principal, type);
