/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "client/dictionary.h"
#include "client/result.h"

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
        passlock_link **links;
        size_t n_links;
        char *next_cursor;
};

#define FIELD(name, type, required, member) \
        { \
                (name), (type), (required), offsetof(passlock_link, member) \
        }

static const Field fields[] = {
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

static void link_list_destroy(passlock_link_list *links)
{
        for (size_t i = 0; i < links->n_links; i++)
                passlock_link_unref(links->links[i]);
        free(links->links);
        free(links->next_cursor);
        free(links);
}

DEFINE_REF(passlock_link_list, link_list_destroy);

_public_ size_t passlock_link_list_get_size(const passlock_link_list *links)
{
        return links->n_links;
}

_public_ passlock_link *passlock_link_list_get(const passlock_link_list *links, size_t index)
{
        return index < links->n_links ? links->links[index] : NULL;
}

_public_ const char *passlock_link_list_get_next_cursor(const passlock_link_list *links)
{
        return links->next_cursor ?: "";
}

static int link_read(sd_bus_message *reply, passlock_link **ret)
{
        _cleanup_(passlock_link_unrefp) passlock_link *link = calloc(1, sizeof(passlock_link));
        int r;

        if (!link)
                return -ENOMEM;
        link->n_ref = 1;
        r = dictionary_read(reply, fields, ARRAY_SIZE(fields), link);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(link);
        return 0;
}

/* Reads one link to the end of the list, which grows at each power of two. */
static int link_list_read_one(sd_bus_message *reply, passlock_link_list *links)
{
        if ((links->n_links & (links->n_links - 1)) == 0) {
                size_t capacity = links->n_links ? links->n_links * 2 : 1;
                passlock_link **grown;

                grown = reallocarray(links->links, capacity, sizeof(passlock_link *));
                if (!grown)
                        return -ENOMEM;
                links->links = grown;
        }
        return link_read(reply, &links->links[links->n_links]);
}

static int link_list_read(sd_bus_message *reply, Result *ret)
{
        _cleanup_(passlock_link_list_unrefp) passlock_link_list *links = NULL;
        int r;

        links = calloc(1, sizeof(passlock_link_list));
        if (!links)
                return -ENOMEM;
        links->n_ref = 1;
        if (sd_bus_message_enter_container(reply, SD_BUS_TYPE_ARRAY, "a{sv}") <= 0)
                return -EPROTO;
        while ((r = sd_bus_message_at_end(reply, false)) == 0) {
                r = link_list_read_one(reply, links);
                if (r < 0)
                        return r;
                links->n_links++;
        }
        if (r < 0 || sd_bus_message_exit_container(reply) < 0)
                return -EPROTO;
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
