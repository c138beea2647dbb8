/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "daemon/bus/dispatch/option.h"
#include "daemon/bus/interfaces/append.h"
#include "daemon/bus/interfaces/interfaces.h"
#include "daemon/core/links.h"
#include "daemon/model/valid.h"
#include "dbus/error.h"

#define TIME_ABSENT UINT64_MAX

/* Returns 0, or INVALID_ARGS with an explanation in `text`. */
static int check_times(uint64_t created_at_ms, uint64_t last_used_at_ms, const char **text)
{
        if (created_at_ms == TIME_ABSENT || last_used_at_ms == TIME_ABSENT)
                *text = "created_at or last_used_at is missing";
        else if (created_at_ms > TIME_MS_MAX || last_used_at_ms > TIME_MS_MAX)
                *text = "created_at and last_used_at must be at most 2^53-1";
        else
                return 0;
        return ERROR_INVALID_ARGS;
}

static int read_link(sd_bus_message *m, Link **ret, char text[static OPTION_ERROR_SIZE])
{
        const char *authenticator_id = NULL, *user_id = NULL, *platform_name = NULL, *wrong;
        uint64_t created_at_ms = TIME_ABSENT, last_used_at_ms = TIME_ABSENT;
        const Option fields[] = {
                {"authenticator_id", "s", &authenticator_id, id_is_valid},
                {"user_id", "s", &user_id, user_id_is_valid},
                {"created_at", "t", &created_at_ms, NULL},
                {"last_used_at", "t", &last_used_at_ms, NULL},
                {"platform_name", "s", &platform_name, platform_name_is_valid},
        };
        int r;

        r = options_read(m, fields, ARRAY_SIZE(fields), text);
        if (r != 0)
                return r;
        if (!authenticator_id || !user_id) {
                wrong = "authenticator_id or user_id is missing";
                r = ERROR_INVALID_ARGS;
        } else
                r = check_times(created_at_ms, last_used_at_ms, &wrong);
        if (r != 0) {
                strcpy(text, wrong);
                return r;
        }
        return link_new(authenticator_id, user_id, platform_name, created_at_ms, last_used_at_ms,
                        ret);
}

static int read_one_more(Request *request, LinkList *list)
{
        size_t i = list->n_links;
        char text[OPTION_ERROR_SIZE] = "";
        Link *link;
        int r;

        if (i >= LINKS_IMPORT_MAX)
                return request_explain(request, ERROR_INVALID_ARGS,
                                       "links has more than %u entries", LINKS_IMPORT_MAX);
        r = read_link(request->message, &link, text);
        if (r == ERROR_INVALID_ARGS)
                return request_explain(request, r, "links[%zu]: %s", i, text);
        return r < 0 ? r : link_list_push(list, link);
}

static int read_links(Request *request, LinkList *ret)
{
        _cleanup_(link_list_clear) LinkList list = {};
        sd_bus_message *m = request->message;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "a{sv}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_at_end(m, false)) == 0) {
                r = read_one_more(request, &list);
                if (r != 0)
                        return r;
        }
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        if (r < 0)
                return r;
        *ret = TAKE(list, (LinkList){});
        return 0;
}

static uint64_t count_outcome(const LinkList *links, const LinkOutcome *outcomes,
                              LinkOutcome outcome)
{
        uint64_t n = 0;

        for (size_t i = 0; i < links->n_links; i++)
                n += outcomes[i] == outcome;
        return n;
}

/* Appends {name: as} with the authenticators of one outcome. */
static int append_ids(sd_bus_message *m, const char *name, const LinkList *links,
                      const LinkOutcome *outcomes, LinkOutcome outcome)
{
        _cleanup_(freep) char **ids = calloc(links->n_links + 1, sizeof(char *));
        size_t n = 0;

        if (!ids)
                return -ENOMEM;
        for (size_t i = 0; i < links->n_links; i++)
                if (outcomes[i] == outcome)
                        ids[n++] = links->links[i]->authenticator_id; /* lent */
        return bus_append_strv(m, name, ids);
}

int bus_append_outcomes(sd_bus_message *m, const Result *result)
{
        const LinkList *links = result->links;
        const LinkOutcome *outcomes = result->outcomes;
        int r;

        r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r >= 0)
                r = sd_bus_message_append(m, "{sv}{sv}", "added", "t",
                                          count_outcome(links, outcomes, LINK_ADDED), "present",
                                          "t", count_outcome(links, outcomes, LINK_PRESENT));
        if (r >= 0)
                r = append_ids(m, "conflicting", links, outcomes, LINK_CONFLICTING);
        if (r >= 0)
                r = append_ids(m, "exceeding", links, outcomes, LINK_EXCEEDING);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

int run_import(Request *request, sd_bus_message *m _unused_)
{
        _cleanup_(link_list_clear) LinkList links = {};
        bool dry_run = false;
        const Option options[] = {{"dry_run", "b", &dry_run, NULL}};
        int r;

        r = read_links(request, &links);
        if (r == 0)
                r = request_read_options(request, options, ARRAY_SIZE(options));
        if (r == 0)
                r = links_import(request->tenancy, &links, dry_run, &request->origin,
                                 request_on_result, request);
        return r;
}
