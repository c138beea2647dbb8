/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/strv.h"
#include "daemon/bus/dispatch/authorization.h"
#include "daemon/bus/dispatch/dispatch.h"
#include "daemon/bus/dispatch/polkit.h"
#include "daemon/bus/interfaces/append.h"
#include "daemon/bus/interfaces/interfaces.h"
#include "dbus/error.h"

/*
 * ListRights lists the rights of the caller: from grants, and for the rest from polkit, by one
 * check after the other, without authentication. The list is informational: each call is authorized
 * again.
 */

/* A polkit action, the method name for polkit rules, and the right that covers the action. */
typedef struct RightQuestion {
        const char *action; /* after the bus name */
        const char *method;
        unsigned right; /* 0: none */
} RightQuestion;

/* Actions on a tenancy, and on the daemon itself. Each list ends in {}. */
static const RightQuestion tenancy_questions[] = {
        {"read-links", "List", RIGHT_LINKS_READ},
        {"change-links", "Add", RIGHT_LINKS_WRITE},
        {"import-links", "Import", RIGHT_LINKS_WRITE},
        {"read-vault", "ListPasskeys", RIGHT_VAULT_READ},
        {"change-vault", "UpdatePasskeys", RIGHT_VAULT_WRITE},
        {},
};
static const RightQuestion daemon_questions[] = {
        {"reload", "Reload", 0},
        {"diagnose", "Diagnose", 0},
        {},
};

typedef struct Survey {
        Call call;
        Request *request;
        sd_bus_message *reply; /* its array of entries is open */
        /* Labels and ids of the tenancies in turn, copied: a reload may remove a tenancy. */
        char **tenancies;
        size_t tenancy;  /* index of the current label; of NULL: the daemon itself */
        size_t question; /* index of the next check */
        char **allowed, **behind_authentication; /* actions on the current tenancy */
        PolkitCheck *check;
} Survey;

static void survey_destroy(Call *call)
{
        Survey *survey = (Survey *) call;

        if (survey->check)
                polkit_check_cancel(survey->check);
        sd_bus_message_unref(survey->reply);
        strv_free(survey->tenancies);
        strv_free(survey->allowed);
        strv_free(survey->behind_authentication);
}

/* The label of the current tenancy; NULL for the daemon itself, which comes last. */
static const char *current_label(const Survey *survey)
{
        return survey->tenancies ? survey->tenancies[survey->tenancy] : NULL;
}

static const RightQuestion *current_questions(const Survey *survey)
{
        return current_label(survey) ? tenancy_questions : daemon_questions;
}

/* Opens an entry of the reply. */

static int open_entry(sd_bus_message *reply, const char *tenancy, const char *source)
{
        int r;

        r = sd_bus_message_open_container(reply, 'a', "{sv}");
        if (r >= 0)
                r = bus_append_string(reply, "tenancy", tenancy);
        return r < 0 ? r : bus_append_string(reply, "source", source);
}

static int append_names(sd_bus_message *reply, unsigned rights)
{
        _cleanup_(strv_freep) char **names = NULL;
        int r;

        r = right_list_names(rights, &names);
        return r < 0 ? r : bus_append_strv(reply, "names", names);
}

static int append_root(sd_bus_message *reply, const char *tenancy)
{
        int r;

        r = open_entry(reply, tenancy, "root");
        if (r >= 0)
                r = append_names(reply, RIGHT_ALL);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int append_grant(sd_bus_message *reply, const Grant *grant)
{
        int r;

        r = open_entry(reply, grant->tenancy, "grant");
        if (r >= 0)
                r = bus_append_string(reply, "grant", grant->name);
        if (r >= 0)
                r = append_names(reply, grant->allow);
        if (r >= 0 && grant->rp_ids)
                r = bus_append_strv(reply, "rp_ids", grant->rp_ids);
        if (r >= 0 && grant->unenforced)
                r = bus_append_bool(reply, "unenforced", true);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int append_polkit(Survey *survey, char **actions, bool authenticate)
{
        sd_bus_message *reply = survey->reply;
        int r;

        if (!actions)
                return 0;
        r = open_entry(reply, current_label(survey) ?: "", "polkit");
        if (r >= 0)
                r = bus_append_strv(reply, "names", actions);
        if (r >= 0)
                r = bus_append_bool(reply, "authenticate", authenticate);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int append_grants(const Request *request, sd_bus_message *reply)
{
        const Caller *caller = peer_caller(request->peer);
        const GrantList *list = &request->bus->grants;
        const BusTenancy *t;
        int r = 0;

        if (caller->uid == 0) {
                LIST_FOREACH(t, &request->bus->tenancies, entry)
                        if (r >= 0)
                                r = append_root(reply, tenancy_label(t->tenancy));
                return r;
        }
        for (size_t i = 0; r >= 0 && i < list->n_grants; i++)
                if (grant_is_for(list->grants[i], caller))
                        r = append_grant(reply, list->grants[i]);
        return r;
}

/* Appends up to two entries for polkit's replies, and continues with the next tenancy. */
static int survey_finish_tenancy(Survey *survey)
{
        int r;

        r = append_polkit(survey, survey->allowed, false);
        if (r >= 0)
                r = append_polkit(survey, survey->behind_authentication, true);
        survey->allowed = strv_free(survey->allowed);
        survey->behind_authentication = strv_free(survey->behind_authentication);
        survey->question = 0;
        if (current_label(survey))
                survey->tenancy += 2;
        return r;
}

static void survey_answered(PolkitAnswer answer, void *userdata);

static int survey_ask(Survey *survey, const RightQuestion *question)
{
        const char *label = current_label(survey);
        const char *details[] = {
                "method", question->method, label ? "tenancy" : NULL,
                label,    "tenancy_id",     label ? survey->tenancies[survey->tenancy + 1] : NULL,
                NULL,
        };
        Request *request = survey->request;
        char whole[128];

        (void) snprintf(whole, sizeof(whole), PASSLOCK_BUS_NAME ".%s", question->action);
        return polkit_check(request->bus->polkit,
                            &(PolkitQuery){
                                    .unique_name = sd_bus_message_get_sender(request->message),
                                    .action = whole,
                                    .details = details,
                                    .n_pending = &peer_quota(request->peer)->n_questions,
                            },
                            survey_answered, survey, &survey->check);
}

/* Starts the next check, skipping actions that a grant covers. Returns 1 if no check is left. */
static int survey_ask_next(Survey *survey)
{
        const Request *request = survey->request;
        const char *label = current_label(survey);
        const RightQuestion *question;

        while ((question = &current_questions(survey)[survey->question])->action) {
                survey->question++;
                if (question->right == 0 ||
                    !grants_allow(bus_grants_of(request->bus, request->peer),
                                  peer_caller(request->peer), label, question->right, NULL))
                        return survey_ask(survey, question);
        }
        return 1;
}

/* Returns 0 if a check is pending, 1 if the reply is complete. */
static int survey_go_on(Survey *survey, bool polkit_answers)
{
        for (;;) {
                bool last = !current_label(survey);
                int r;

                r = polkit_answers ? survey_ask_next(survey) : 1;
                if (r <= 0)
                        return r;
                r = survey_finish_tenancy(survey);
                if (r < 0)
                        return r;
                if (last || !polkit_answers)
                        break;
        }
        return sd_bus_message_close_container(survey->reply) < 0 ? -ENOMEM : 1;
}

static int survey_note(Survey *survey, PolkitAnswer answer)
{
        const char *action = current_questions(survey)[survey->question - 1].action;

        if (answer == POLKIT_YES)
                return strv_push(&survey->allowed, action);
        if (answer == POLKIT_CHALLENGE)
                return strv_push(&survey->behind_authentication, action);
        return 0;
}

/* Replies, or fails with r if it is negative. */
static void survey_end(Survey *survey, int r)
{
        Request *request = survey->request;

        request->call = NULL;
        if (r < 0)
                request_fail(request, r);
        else
                request_reply(request, survey->reply);
        call_free(&survey->call);
}

static void survey_answered(PolkitAnswer answer, void *userdata)
{
        Survey *survey = userdata;
        Request *request = survey->request;
        int r;

        survey->check = NULL;
        r = survey_note(survey, answer);
        if (r == 0)
                r = survey_go_on(survey, answer != POLKIT_NONE && !request->bus->stopping);
        if (r != 0)
                survey_end(survey, r);
}

static int survey_begin(Survey *survey)
{
        Request *request = survey->request;
        const BusTenancy *t;
        int r = 0;

        LIST_FOREACH(t, &request->bus->tenancies, entry) {
                if (r == 0)
                        r = strv_push(&survey->tenancies, tenancy_label(t->tenancy));
                if (r == 0)
                        r = strv_push(&survey->tenancies, tenancy_id(t->tenancy));
        }
        if (r == 0)
                r = request_new_reply(request, &survey->reply);
        if (r >= 0)
                r = sd_bus_message_open_container(survey->reply, 'a', "a{sv}");
        return r < 0 ? r : append_grants(request, survey->reply);
}

static int run_list_rights(Request *request, sd_bus_message *m _unused_)
{
        bool is_root = peer_caller(request->peer)->uid == 0;
        Survey *survey;
        int r;

        if (peer_quota(request->peer)->n_questions >= AUTHORIZATIONS_MAX)
                return ERROR_LIMITS_EXCEEDED;
        r = call_new_without_api(sizeof(Survey), NULL, NULL, NULL, &survey);
        if (r < 0)
                return r;
        survey->call.destroy = survey_destroy;
        survey->request = request;
        r = survey_begin(survey);
        if (r >= 0)
                r = survey_go_on(survey, !is_root && !request->bus->stopping);
        if (r > 0) {
                survey_end(survey, 0);
                return CALL_ANSWERED;
        }
        return call_started(&survey->call, r, &request->call);
}

const Method bus_call_list_rights = {.for_everybody = true, .run = run_list_rights};

int bus_method_list_rights(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_)
{
        return dispatch_method(userdata, NULL, m, &bus_call_list_rights);
}
