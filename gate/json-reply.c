/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <inttypes.h>

#include "gate/json-reply.h"

static int read_value(sd_bus_message *m, TextBuffer *buffer);

static int read_basic(sd_bus_message *m, char type, TextBuffer *buffer)
{
        union {
                const char *s;
                int b;
                int32_t i;
                uint32_t u;
                int64_t x;
                uint64_t t;
        } v;
        int r;

        r = sd_bus_message_read_basic(m, type, &v);
        if (r < 0)
                return r;
        if (type == 's' || type == 'o' || type == 'g')
                text_buffer_append_json(buffer, v.s);
        else if (type == 'b')
                text_buffer_printf(buffer, "%s", v.b ? "true" : "false");
        else if (type == 'i')
                text_buffer_printf(buffer, "%" PRId32, v.i);
        else if (type == 'u')
                text_buffer_printf(buffer, "%" PRIu32, v.u);
        else if (type == 'x')
                text_buffer_printf(buffer, "%" PRId64, v.x);
        else
                text_buffer_printf(buffer, "%" PRIu64, v.t);
        return 0;
}

/* Returns 1 after a value with a separator, 0 at the end of the container. */
static int next_value(sd_bus_message *m, bool first, TextBuffer *buffer)
{
        int r;

        r = sd_bus_message_at_end(m, false);
        if (r != 0)
                return r < 0 ? r : 0;
        if (!first)
                text_buffer_append(buffer, ",", 1);
        return 1;
}

static int read_entry(sd_bus_message *m, TextBuffer *buffer)
{
        int r;

        r = sd_bus_message_enter_container(m, 'e', "sv");
        if (r >= 0)
                r = read_basic(m, 's', buffer);
        if (r >= 0) {
                text_buffer_append(buffer, ":", 1);
                r = read_value(m, buffer);
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

/* Arrays and structures are JSON arrays, dictionaries are objects. */
static int read_elements(sd_bus_message *m, bool is_dictionary, TextBuffer *buffer)
{
        bool first = true;
        int r;

        text_buffer_append(buffer, is_dictionary ? "{" : "[", 1);
        while ((r = next_value(m, first, buffer)) > 0) {
                r = is_dictionary ? read_entry(m, buffer) : read_value(m, buffer);
                if (r < 0)
                        return r;
                first = false;
        }
        text_buffer_append(buffer, is_dictionary ? "}" : "]", 1);
        return r;
}

static int read_container(sd_bus_message *m, char type, const char *contents, TextBuffer *buffer)
{
        bool is_dictionary = type == 'a' && *contents == '{';
        int r;

        if (is_dictionary && !streq(contents, "{sv}"))
                return -EOPNOTSUPP;
        r = sd_bus_message_enter_container(m, type, contents);
        if (r >= 0)
                r = type == 'v' ? read_value(m, buffer) : read_elements(m, is_dictionary, buffer);
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_value(sd_bus_message *m, TextBuffer *buffer)
{
        const char *contents;
        char type;
        int r;

        r = sd_bus_message_peek_type(m, &type, &contents);
        if (r <= 0)
                return r < 0 ? r : -EPROTO;
        if (strchr("sogbiuxt", type))
                return read_basic(m, type, buffer);
        return strchr("arv", type) ? read_container(m, type, contents, buffer) : -EOPNOTSUPP;
}

int json_reply_append(sd_bus_message *reply, const GateArgument *arguments, TextBuffer *buffer)
{
        int r = 0;

        text_buffer_append(buffer, "{", 1);
        for (const GateArgument *a = arguments; r >= 0 && a->name; a++) {
                if (a != arguments)
                        text_buffer_append(buffer, ",", 1);
                text_buffer_append_json(buffer, a->name);
                text_buffer_append(buffer, ":", 1);
                r = read_value(reply, buffer);
        }
        text_buffer_append(buffer, "}", 1);
        return r < 0 ? r : 0;
}
