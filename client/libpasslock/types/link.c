/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "client/libpasslock/types/bus-string.h"
#include "client/libpasslock/types/link.h"
#include "client/libpasslock/types/list.h"
#include "client/libpasslock/types/result.h"

struct passlock_link {
        Object object;
        char *authenticator_id;
        char *user_id;
        char *platform_name;
        uint64_t created_at_ms;
        uint64_t last_used_at_ms;
};

static const Field fields[] = {
        FIELD(passlock_link, "authenticator_id", true, authenticator_id),
        FIELD(passlock_link, "user_id", true, user_id),
        FIELD(passlock_link, "created_at", true, created_at_ms),
        FIELD(passlock_link, "last_used_at", true, last_used_at_ms),
        FIELD(passlock_link, "platform_name", false, platform_name),
};

static const ObjectType type = {sizeof(passlock_link), fields, ARRAY_SIZE(fields)};

DEFINE_REF(link);

DEFINE_GETTER(link, const char *, get_authenticator_id, authenticator_id);
DEFINE_GETTER(link, const char *, get_user_id, user_id);
DEFINE_GETTER(link, const char *, get_platform_name, platform_name);
DEFINE_GETTER(link, uint64_t, get_created_at_ms, created_at_ms);
DEFINE_GETTER(link, uint64_t, get_last_used_at_ms, last_used_at_ms);

_public_ int passlock_link_new(const char *authenticator_id, const char *user_id,
                               const char *platform_name, uint64_t created_at_ms,
                               uint64_t last_used_at_ms, passlock_link **ret)
{
        _cleanup_(object_unrefp) passlock_link *link = NULL;

        if (!authenticator_id || !user_id || !ret)
                return -EINVAL;
        if (!bus_string_is_valid(authenticator_id) || !bus_string_is_valid(user_id) ||
            (platform_name && !bus_string_is_valid(platform_name)))
                return PASSLOCK_ERROR_INVALID_ARGS;
        link = object_new(&type);
        if (!link)
                return -ENOMEM;
        link->authenticator_id = strdup(authenticator_id);
        link->user_id = strdup(user_id);
        link->platform_name = platform_name ? strdup(platform_name) : NULL;
        link->created_at_ms = created_at_ms;
        link->last_used_at_ms = last_used_at_ms;
        if (!link->authenticator_id || !link->user_id || (platform_name && !link->platform_name))
                return -ENOMEM;
        *ret = TAKE_PTR(link);
        return 0;
}

passlock_link **links_free(passlock_link **links)
{
        for (size_t i = 0; links && links[i]; i++)
                passlock_link_unref(links[i]);
        free(links);
        return NULL;
}

int links_copy(passlock_link *const *links, passlock_link ***ret)
{
        passlock_link **copy;
        size_t n = 0;

        if (!links)
                return -EINVAL;
        while (links[n])
                if (++n > LINKS_SENT_MAX)
                        return PASSLOCK_ERROR_INVALID_ARGS;
        copy = calloc(n + 1, sizeof(passlock_link *));
        if (!copy)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                copy[i] = passlock_link_ref(links[i]);
        *ret = copy;
        return 0;
}

static int link_append(const passlock_link *link, sd_bus_message *m)
{
        int r;

        r = sd_bus_message_open_container(m, SD_BUS_TYPE_ARRAY, "{sv}");
        if (r >= 0)
                r = sd_bus_message_append(m, "{sv}{sv}{sv}{sv}", "authenticator_id", "s",
                                          link->authenticator_id, "user_id", "s", link->user_id,
                                          "created_at", "t", link->created_at_ms, "last_used_at",
                                          "t", link->last_used_at_ms);
        if (r >= 0 && link->platform_name)
                r = sd_bus_message_append(m, "{sv}", "platform_name", "s", link->platform_name);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

int links_append(passlock_link *const *links, sd_bus_message *m)
{
        int r;

        r = sd_bus_message_open_container(m, SD_BUS_TYPE_ARRAY, "a{sv}");
        for (size_t i = 0; r >= 0 && links[i]; i++)
                r = link_append(links[i], m);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : 0;
}

DEFINE_LIST(link);

_public_ const char *passlock_link_list_get_next_cursor(const passlock_link_list *links)
{
        return links->list.next_cursor ?: "";
}

static const ObjectType list_type = LIST_TYPE(list_read, &type);

DEFINE_RESULT(links, link_list, list_type);

static const ObjectType page_type = LIST_TYPE(list_read_page, &type);

DEFINE_RESULT(link_page, link_list, page_type);
