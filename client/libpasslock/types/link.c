/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "client/libpasslock/types/bus-string.h"
#include "client/libpasslock/types/link.h"
#include "client/libpasslock/types/result.h"
#include "client/libpasslock/types/vardict-array.h"
#include "client/libpasslock/types/vardict.h"

struct passlock_link {
        unsigned n_ref;
        char *authenticator_id;
        char *user_id;
        char *platform_name;
        uint64_t created_at_ms;
        uint64_t last_used_at_ms;
};

struct passlock_link_list {
        unsigned n_ref;
        VardictArray array;
        char *next_cursor;
};

#define FIELD(name, type, required, member) \
        { \
                (name), (type), (required), offsetof(passlock_link, member) \
        }

static const VardictField fields[] = {
        FIELD("authenticator_id", 's', true, authenticator_id),
        FIELD("user_id", 's', true, user_id),
        FIELD("created_at", 't', true, created_at_ms),
        FIELD("last_used_at", 't', true, last_used_at_ms),
        FIELD("platform_name", 's', false, platform_name),
};

static void link_destroy(passlock_link *link)
{
        free(link->authenticator_id);
        free(link->user_id);
        free(link->platform_name);
        free(link);
}

DEFINE_REF(passlock_link, link_destroy);

#define DEFINE_GETTER(type, member) \
        _public_ type passlock_link_get_##member(const passlock_link *link) \
        { \
                return link->member; \
        } \
        struct swallow_semicolon

DEFINE_GETTER(const char *, authenticator_id);
DEFINE_GETTER(const char *, user_id);
DEFINE_GETTER(const char *, platform_name);
DEFINE_GETTER(uint64_t, created_at_ms);
DEFINE_GETTER(uint64_t, last_used_at_ms);

_public_ int passlock_link_new(const char *authenticator_id, const char *user_id,
                               const char *platform_name, uint64_t created_at_ms,
                               uint64_t last_used_at_ms, passlock_link **ret)
{
        _cleanup_(passlock_link_unrefp) passlock_link *link = NULL;

        if (!authenticator_id || !user_id || !ret)
                return -EINVAL;
        if (!bus_string_is_valid(authenticator_id) || !bus_string_is_valid(user_id) ||
            (platform_name && !bus_string_is_valid(platform_name)))
                return PASSLOCK_ERROR_INVALID_ARGS;
        link = calloc(1, sizeof(passlock_link));
        if (!link)
                return -ENOMEM;
        link->n_ref = 1;
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

static void link_list_destroy(passlock_link_list *links)
{
        for (size_t i = 0; i < links->array.n; i++)
                passlock_link_unref(links->array.items[i]);
        free(links->array.items);
        free(links->next_cursor);
        free(links);
}

DEFINE_REF(passlock_link_list, link_list_destroy);

_public_ size_t passlock_link_list_get_size(const passlock_link_list *links)
{
        return links->array.n;
}

_public_ passlock_link *passlock_link_list_get(const passlock_link_list *links, size_t index)
{
        return index < links->array.n ? links->array.items[index] : NULL;
}

_public_ const char *passlock_link_list_get_next_cursor(const passlock_link_list *links)
{
        return links->next_cursor ?: "";
}

static int link_read(sd_bus_message *m, void **ret)
{
        _cleanup_(passlock_link_unrefp) passlock_link *link = calloc(1, sizeof(passlock_link));
        int r;

        if (!link)
                return -ENOMEM;
        link->n_ref = 1;
        r = vardict_read(m, fields, ARRAY_SIZE(fields), link);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(link);
        return 0;
}

static int link_list_read(sd_bus_message *reply, Result *ret)
{
        _cleanup_(passlock_link_list_unrefp) passlock_link_list *links = NULL;
        int r;

        links = calloc(1, sizeof(passlock_link_list));
        if (!links)
                return -ENOMEM;
        links->n_ref = 1;
        r = vardict_array_read(&links->array, reply, link_read);
        if (r < 0)
                return r;
        ret->links = TAKE_PTR(links);
        return 0;
}

static int link_page_read(sd_bus_message *reply, Result *ret)
{
        _cleanup_(passlock_link_list_unrefp) passlock_link_list *links = NULL;
        Result page = {};
        const char *cursor;
        int r;

        r = link_list_read(reply, &page);
        if (r < 0)
                return r;
        links = page.links;
        if (sd_bus_message_read(reply, "s", &cursor) <= 0)
                return -EPROTO;
        links->next_cursor = strdup(cursor);
        if (!links->next_cursor)
                return -ENOMEM;
        ret->links = TAKE_PTR(links);
        return 0;
}

static void link_list_clear(Result *result)
{
        result->links = passlock_link_list_unref(result->links);
}

static void link_list_deliver(passlock *client, Callback callback, int r, const char *error_text,
                              const Result *result, void *userdata)
{
        ((passlock_link_list_callback) callback)(client, r, error_text, result->links, userdata);
}

const ResultType result_links = {
        .read = link_list_read,
        .clear = link_list_clear,
        .deliver = link_list_deliver,
};

const ResultType result_link_page = {
        .read = link_page_read,
        .clear = link_list_clear,
        .deliver = link_list_deliver,
};
