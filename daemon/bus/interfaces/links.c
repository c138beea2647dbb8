/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <inttypes.h>

#include "base/log.h"
#include "daemon/bus/dispatch/dispatch.h"
#include "daemon/bus/dispatch/option.h"
#include "daemon/bus/interfaces/append.h"
#include "daemon/bus/interfaces/interfaces.h"
#include "daemon/bus/interfaces/subscription.h"
#include "daemon/core/links.h"
#include "daemon/core/reconcile.h"
#include "daemon/model/valid.h"
#include "dbus/error.h"

static int append_link(sd_bus_message *m, const Link *link)
{
        int r;

        r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r >= 0)
                r = sd_bus_message_append(m, "{sv}{sv}{sv}{sv}", "authenticator_id", "s",
                                          link->authenticator_id, "user_id", "s", link->user_id,
                                          "created_at", "t", link->created_at_ms, "last_used_at",
                                          "t", link->last_used_at_ms);
        if (r >= 0)
                r = bus_append_string(m, "platform_name", link->platform_name);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_links(sd_bus_message *m, const Result *result)
{
        const LinkList *list = result->links;
        int r;

        r = sd_bus_message_open_container(m, 'a', "a{sv}");
        for (size_t i = 0; r >= 0 && i < list->n_links; i++)
                r = append_link(m, list->links[i]);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

/* The user of the only link. */
static int append_user(sd_bus_message *m, const Result *result)
{
        return sd_bus_message_append(m, "s", result->links->links[0]->user_id);
}

static int append_page(sd_bus_message *m, const Result *result)
{
        int r = append_links(m, result);

        return r < 0 ? r : sd_bus_message_append(m, "s", result->next_cursor);
}

static int run_get_user(Request *request, sd_bus_message *m _unused_)
{
        _cleanup_(link_freep) Link *link = NULL;
        const char *authenticator_id;
        int r;

        r = request_read_id(request, "authenticator_id", &authenticator_id);
        if (r != 0)
                return r;
        r = links_get(request->tenancy, authenticator_id, &link);
        if (r == ERROR_NOT_FOUND)
                return links_confirm_no_link(request->tenancy, authenticator_id, request_on_result,
                                             request, &request->call);
        return r != 0 ? r : request_reply_text(request, 's', link->user_id);
}

static int run_list_by_user(Request *request, sd_bus_message *m _unused_)
{
        _cleanup_(link_list_clear) LinkList links = {};
        const char *user_id;
        int r;

        r = request_read_user_id(request, &user_id);
        if (r != 0)
                return r;
        r = links_list_by_user(request->tenancy, user_id, &links);
        if (r == 0 && links.n_links == 0) {
                r = links_confirm_none_of_user(request->tenancy, user_id, request_on_result,
                                               request, &request->call);
                if (r != ERROR_NOT_FOUND)
                        return r;
                r = 0;
        }
        if (r == 0)
                request_end(request, &(Result){.links = &links}, append_links);
        return r;
}

/* The size of a page while other calls wait: they should not wait for the bus to read it. */
#define PAGE_BYTES_BUSY (8U * 1024U)

static int run_list(Request *request, sd_bus_message *m)
{
        _cleanup_(link_list_clear) LinkList links = {};
        _cleanup_(freep) char *next_cursor = NULL;
        const char *cursor;
        uint32_t limit;
        int r;

        r = sd_bus_message_read(m, "su", &cursor, &limit);
        if (r < 0)
                return r;
        r = links_list(request->tenancy, cursor, limit,
                       turns_are_busy(request->bus->turns) ? PAGE_BYTES_BUSY : LINKS_PAGE_BYTES,
                       &links, &next_cursor);
        if (r == ERROR_INVALID_ARGS)
                return request_explain(request, r,
                                       "cursor must be a next_cursor of List, and limit at most %u",
                                       LINKS_PAGE_MAX);
        if (r == 0)
                request_end(request, &(Result){.links = &links, .next_cursor = next_cursor},
                            append_page);
        return r;
}

/* Changes are carried through even if the caller disconnects. */

static int run_add(Request *request, sd_bus_message *m _unused_)
{
        const char *user_id, *authenticator_id;
        int r;

        r = request_read_user_id(request, &user_id);
        if (r == 0)
                r = request_read_id(request, "authenticator_id", &authenticator_id);
        if (r == 0)
                r = links_add(request->tenancy, user_id, authenticator_id, &request->origin,
                              request_on_result, request);
        return r;
}

static int run_remove(Request *request, sd_bus_message *m _unused_)
{
        const char *authenticator_id;
        int r;

        r = request_read_id(request, "authenticator_id", &authenticator_id);
        return r != 0 ? r
                      : links_remove(request->tenancy, authenticator_id, &request->origin,
                                     request_on_result, request);
}

static int append_n_removed(sd_bus_message *m, const Result *result)
{
        return sd_bus_message_append(m, "u", (uint32_t) result->n_links);
}

static int run_remove_by_user(Request *request, sd_bus_message *m _unused_)
{
        const char *user_id;
        int r;

        r = request_read_user_id(request, &user_id);
        return r != 0 ? r
                      : links_remove_by_user(request->tenancy, user_id, &request->origin,
                                             request_on_result, request);
}

/* Reconcile */

static void record_reconcile(const Request *request, const ReconcileCounts *counts, bool dry_run)
{
        audit(EVENT_RECONCILED, .origin = &request->origin, .tenancy = request->label,
              .counts = {
                      {FIELD_CHECKED, counts->checked},
                      {FIELD_ADDED, counts->added},
                      {FIELD_REMOVED, counts->removed},
                      {FIELD_CONFLICTS, counts->conflicts},
                      {dry_run ? FIELD_DRY_RUN : NULL, 1},
              });
}

static int append_counts(sd_bus_message *m, const Result *result)
{
        const ReconcileCounts *counts = result->counts;

        return sd_bus_message_append(m, "a{sv}", 4, "checked", "t", counts->checked, "added", "t",
                                     counts->added, "removed", "t", counts->removed, "conflicts",
                                     "t", counts->conflicts);
}

static int read_reconcile_options(sd_bus_message *m, ReconcileOptions *ret,
                                  char text[static OPTION_ERROR_SIZE])
{
        const Option options[] = {
                {"dry_run", "b", &ret->dry_run, NULL},
                {"max_remove", "t", &ret->max_remove, NULL},
        };

        *ret = (ReconcileOptions){.dry_run = true, .max_remove = RECONCILE_UNBOUNDED};
        return options_read(m, options, ARRAY_SIZE(options), text);
}

static void explain_max_remove(Request *request)
{
        ReconcileOptions options;
        char text[OPTION_ERROR_SIZE];

        if (sd_bus_message_rewind(request->message, true) >= 0 &&
            read_reconcile_options(request->message, &options, text) == 0)
                (void) request_explain(request, ERROR_LIMITS_EXCEEDED,
                                       "More than max_remove=%" PRIu64
                                       " links would be removed; none was removed",
                                       options.max_remove);
}

static void end_reconcile(Request *request, const Result *result, bool dry_run)
{
        if (result->r == 0)
                record_reconcile(request, result->counts, dry_run);
        if (result->r == ERROR_LIMITS_EXCEEDED)
                explain_max_remove(request);
        request_end(request, result, append_counts);
}

static void on_dry_run(const Result *result, void *userdata)
{
        end_reconcile(userdata, result, true);
}

static void on_reconciled(const Result *result, void *userdata)
{
        end_reconcile(userdata, result, false);
}

static int send_progress(Request *request, uint64_t checked, uint64_t n_links)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        sd_bus *sd = request->bus->bus;
        int r;

        r = sd_bus_message_new_signal(sd, &m, sd_bus_message_get_path(request->message),
                                      PASSLOCK_INTERFACE_LINKS, "ReconcileProgress");
        if (r >= 0)
                r = sd_bus_message_append(m, "tt", checked, n_links);
        if (r >= 0)
                r = sd_bus_message_set_destination(m, sd_bus_message_get_sender(request->message));
        return r < 0 ? r : sd_bus_send(sd, m, NULL);
}

static void tell_progress(uint64_t checked, uint64_t n_links, void *userdata)
{
        int r = send_progress(userdata, checked, n_links);

        if (r < 0)
                log_debug("Failed to send ReconcileProgress: %s", strerror(-r));
}

static int run_reconcile(Request *request, sd_bus_message *m)
{
        ReconcileOptions options;
        int r;

        r = read_reconcile_options(m, &options, request->text);
        return r != 0 ? r
                      : reconcile_start(request->tenancy, &options, &request->origin,
                                        options.dry_run ? on_dry_run : on_reconciled, tell_progress,
                                        request, &request->call);
}

DISPATCH_QUESTION(get_user, "read-links", "see to whom \"$(authenticator_id)\" is linked",
                  "authenticator_id");
DISPATCH_METHOD(get_user, .rights = RIGHT_LINKS_READ, .question = &question_get_user,
                .append = append_user);

DISPATCH_QUESTION(list_by_user, "read-links", "list the links of user \"$(user_id)\"", "user_id");
DISPATCH_METHOD(list_by_user, .rights = RIGHT_LINKS_READ, .question = &question_list_by_user,
                .append = append_links);

DISPATCH_QUESTION(list, "read-links", "list the links", NULL);
DISPATCH_METHOD(list, .is_bulk = true, .rights = RIGHT_LINKS_READ, .question = &question_list);

DISPATCH_QUESTION(add, "change-links", "link \"$(authenticator_id)\" to user \"$(user_id)\"",
                  "user_id", "authenticator_id");
DISPATCH_METHOD(add, .rights = RIGHT_LINKS_WRITE, .question = &question_add);

DISPATCH_QUESTION(import, "import-links", "import links", NULL);
DISPATCH_METHOD(import, .is_bulk = true, .rights = RIGHT_LINKS_WRITE, .question = &question_import,
                .append = bus_append_outcomes);

DISPATCH_QUESTION(remove, "change-links", "remove the link of \"$(authenticator_id)\"",
                  "authenticator_id");
DISPATCH_METHOD(remove, .rights = RIGHT_LINKS_WRITE, .question = &question_remove);

DISPATCH_QUESTION(remove_by_user, "change-links", "remove all links of user \"$(user_id)\"",
                  "user_id");
DISPATCH_METHOD(remove_by_user, .rights = RIGHT_LINKS_WRITE, .question = &question_remove_by_user,
                .append = append_n_removed);

/* Subscriptions */

static int run_subscribe(Request *request, sd_bus_message *m _unused_)
{
        int r;

        r = subscriptions_add(bus_find_tenancy(request->bus, request->label)->subscriptions,
                              request);
        if (r == 0)
                request_reply_empty(request);
        return r;
}

/* An earlier Subscribe of the caller may still wait for polkit. */
static void end_pending_subscribe(const Request *unsubscribe)
{
        for (Request *request = LIST_FIRST(&unsubscribe->bus->requests), *next; request;
             request = next) {
                next = LIST_NEXT(request, entry);
                if (request->call && request->method->run == run_subscribe &&
                    request->peer == unsubscribe->peer && streq(request->label, unsubscribe->label))
                        request_fail(request, request_explain(request, ERROR_ACCESS_DENIED,
                                                              "Unsubscribe came meanwhile"));
        }
}

static int run_unsubscribe(Request *request, sd_bus_message *m _unused_)
{
        end_pending_subscribe(request);
        subscriptions_remove(bus_find_tenancy(request->bus, request->label)->subscriptions,
                             peer_unique_name(request->peer));
        request_reply_empty(request);
        return 0;
}

DISPATCH_QUESTION(subscribe, "read-links", "watch changes of the links", NULL);
DISPATCH_METHOD(subscribe, .rights = RIGHT_LINKS_READ, .question = &question_subscribe);
DISPATCH_METHOD(unsubscribe, .for_everybody = true);

static const Question question_compare = {
        .action = QUESTION_ACTION("read-links"),
        .intent = "compare the links with the vault",
};
static const Question question_change = {
        .action = QUESTION_ACTION("change-links"),
        .intent = "change the links so that they match the vault",
};

/* By dry_run. */
static const Method call_reconcile[] = {
        {.rights = RIGHT_LINKS_WRITE,
         .applies = true,
         .question = &question_change,
         .is_bulk = true,
         .is_long = true,
         .run = run_reconcile},
        {.rights = RIGHT_LINKS_READ | RIGHT_LINKS_WRITE,
         .question = &question_compare,
         .is_bulk = true,
         .is_long = true,
         .run = run_reconcile},
};

/* A dry run needs fewer rights. Invalid options count as a dry run: run() rejects them. */
static int method_reconcile(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_)
{
        BusTenancy *object = userdata;
        ReconcileOptions options;
        char text[OPTION_ERROR_SIZE];
        int r;

        if (read_reconcile_options(m, &options, text) != 0)
                options.dry_run = true;
        r = sd_bus_message_rewind(m, true);
        if (r < 0)
                return r;
        return dispatch_method(object->bus, object, m, &call_reconcile[options.dry_run]);
}

static int get_count(sd_bus *sd _unused_, const char *path _unused_, const char *interface _unused_,
                     const char *property _unused_, sd_bus_message *reply, void *userdata,
                     sd_bus_error *error)
{
        BusTenancy *object = userdata;
        uint64_t count;
        int r;

        r = links_count(object->tenancy, &count);
        if (r > 0)
                return sd_bus_error_set(error, error_dbus_name(r), error_text(r));
        if (r < 0)
                return r;
        return sd_bus_message_append(reply, "t", count);
}

const NamedMethod links_methods[] = {
        {"GetUser", &call_get_user},
        {"ListByUser", &call_list_by_user},
        {"List", &call_list},
        {"Add", &call_add},
        {"Import", &call_import},
        {"Remove", &call_remove},
        {"RemoveByUser", &call_remove_by_user},
        {"Reconcile", &call_reconcile[true], .applying = &call_reconcile[false]},
        {"Subscribe", &call_subscribe},
        {"Unsubscribe", &call_unsubscribe},
        {},
};

const sd_bus_vtable links_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("GetUser", SD_BUS_ARGS("s", authenticator_id),
                                SD_BUS_RESULT("s", user_id), method_get_user,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListByUser", SD_BUS_ARGS("s", user_id),
                                SD_BUS_RESULT("aa{sv}", links), method_list_by_user,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("List", SD_BUS_ARGS("s", cursor, "u", limit),
                                SD_BUS_RESULT("aa{sv}", links, "s", next_cursor), method_list,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Add", SD_BUS_ARGS("s", user_id, "s", authenticator_id),
                                SD_BUS_NO_RESULT, method_add, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Import", SD_BUS_ARGS("aa{sv}", links, "a{sv}", options),
                                SD_BUS_RESULT("a{sv}", result), method_import,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Remove", SD_BUS_ARGS("s", authenticator_id), SD_BUS_NO_RESULT,
                                method_remove, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("RemoveByUser", SD_BUS_ARGS("s", user_id),
                                SD_BUS_RESULT("u", removed), method_remove_by_user,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Reconcile", SD_BUS_ARGS("a{sv}", options),
                                SD_BUS_RESULT("a{sv}", result), method_reconcile,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_SIGNAL_WITH_ARGS("ReconcileProgress", SD_BUS_ARGS("t", checked, "t", links), 0),
        SD_BUS_METHOD_WITH_ARGS("Subscribe", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, method_subscribe,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Unsubscribe", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, method_unsubscribe,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_SIGNAL_WITH_ARGS("Changed", SD_BUS_ARGS("a(ss)", added, "a(ss)", removed), 0),
        SD_BUS_SIGNAL("SubscriptionLost", NULL, 0),
        SD_BUS_PROPERTY("Count", "t", get_count, 0, 0),
        SD_BUS_VTABLE_END,
};
