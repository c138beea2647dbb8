/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <string.h>

#include "daemon/bus/dispatch/message-size.h"

/* Overhead of each value: length, signature, padding. */
#define OVERHEAD 8U

/* Subtracts a size from what is left. Returns 0 or -EMSGSIZE. */
static int spend(size_t *left, size_t n)
{
        if (n > *left)
                return -EMSGSIZE;
        *left -= n;
        return 0;
}

static int spend_on_value(sd_bus_message *m, char type, size_t *left)
{
        union {
                const char *text;
                uint64_t number;
        } value = {};
        int r;

        r = sd_bus_message_read_basic(m, type, &value);
        if (r < 0)
                return r;
        return strchr("sog", type) ? spend(left, strlen(value.text)) : 0;
}

/* The bus limits the nesting depth. */
static int spend_on_rest(sd_bus_message *m, size_t *left)
{
        const char *contents;
        char type;
        int r;

        while ((r = sd_bus_message_peek_type(m, &type, &contents)) > 0) {
                r = spend(left, OVERHEAD);
                if (r == 0 && !contents)
                        r = spend_on_value(m, type, left);
                if (r == 0 && contents) {
                        r = sd_bus_message_enter_container(m, type, contents);
                        if (r >= 0)
                                r = spend_on_rest(m, left);
                        if (r >= 0)
                                r = sd_bus_message_exit_container(m);
                }
                if (r < 0)
                        return r;
        }
        return r;
}

int message_check_size(sd_bus_message *m, size_t max)
{
        return spend_on_rest(m, &max);
}
