/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "dbus/event.h"

static const struct {
        const char *name;
        int priority;
        const char *id;
        const char *text;
} table[] = {
#define X(name_, text_name, priority_, id_, text_) \
        [EVENT_##name_] = { \
                .name = (text_name), .priority = (priority_), .id = (id_), .text = (text_)},
        EVENT_TABLE(X)
#undef X
};

const char *event_name(Event event)
{
        return table[event].name;
}

const char *event_message_id(Event event)
{
        return table[event].id;
}

const char *event_text(Event event)
{
        return table[event].text;
}

int event_priority(Event event)
{
        return table[event].priority;
}

int event_from_name(const char *name)
{
        for (int e = 0; name && e < N_EVENTS; e++)
                if (streq(table[e].name, name))
                        return e;
        return -1;
}

int event_from_message_id(const char *id)
{
        for (int e = 0; id && e < N_EVENTS; e++)
                if (streq(table[e].id, id))
                        return e;
        return -1;
}
