/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/strv.h"
#include "daemon/bus/dispatch/access-check.h"
#include "daemon/bus/dispatch/authorization.h"
#include "daemon/bus/dispatch/polkit.h"
#include "daemon/metrics/call-counts.h"
#include "dbus/error.h"

/* With more pending checks, polkit must not ask the user: a dialog may stay open for minutes. */
#define INTERACTIVE_MAX 16U

/* A pending check. */
typedef struct Authorization {
        Call call;
        Request *request;
        PolkitCheck *check; /* NULL after polkit's answer */
        char *endpoint;     /* of the tenancy when polkit was asked; NULL on the manager */
        AuthorizationFunc func;
} Authorization;

static void authorization_destroy(Call *call)
{
        Authorization *authorization = (Authorization *) call;

        if (authorization->check)
                polkit_check_cancel(authorization->check);
        free(authorization->endpoint);
}

/* Whether the label still has the tenancy and the endpoint that polkit was asked about. */
static bool is_current(const Authorization *authorization)
{
        const Request *request = authorization->request;

        return request_is_current(request) &&
               (!request->tenancy ||
                streq(authorization->endpoint, tenancy_endpoint(request->tenancy)));
}

static bool is_interactive(const Request *request)
{
        return sd_bus_message_get_allow_interactive_authorization(request->message) > 0;
}

/* Returns 0 if the request is authorized, or the error that it fails with. */
static int judge(const Authorization *authorization, PolkitAnswer answer)
{
        Request *request = authorization->request;

        if (answer == POLKIT_CHALLENGE)
                return access_check_deny(request, NULL, "no administrator has authenticated");
        if (answer != POLKIT_YES)
                return access_check_deny(request, NULL, NULL);
        if (!is_current(authorization))
                return request_explain(
                        request, ERROR_UNKNOWN_OBJECT,
                        "The tenancy was reconfigured during the authorization; retry");
        return 0;
}

static void on_answer(PolkitAnswer answer, void *userdata)
{
        Authorization *authorization = userdata;
        Request *request = authorization->request;
        AuthorizationFunc func = authorization->func;
        int r;

        authorization->check = NULL;
        if (answer != POLKIT_NONE) {
                request->origin.decided_by = DECIDED_BY_POLKIT;
                request->source = CALL_SOURCE_POLKIT;
        }
        r = judge(authorization, answer);
        request->call = call_cancel(request->call);
        func(request, r);
}

static int ask_polkit(Authorization *authorization, const Question *question)
{
        _cleanup_(strv_freep) char **details = NULL;
        Request *request = authorization->request;
        const Tenancy *tenancy = request->tenancy;
        int r;

        r = question_list_details(
                &(QuestionContext){
                        .question = question,
                        .message = request->message,
                        .label = request->label,
                        .tenancy_id = tenancy ? tenancy_id(tenancy) : NULL,
                },
                &details);
        if (r == ERROR_ACCESS_DENIED)
                return access_check_deny(request, NULL,
                                         "polkit cannot be asked, as an argument has control or "
                                         "invisible characters");
        if (r == 0)
                r = polkit_check(request->bus->polkit,
                                 &(PolkitQuery){
                                         .unique_name = sd_bus_message_get_sender(request->message),
                                         .action = question->action,
                                         .details = (const char *const *) details,
                                         .n_pending = &peer_quota(request->peer)->n_questions,
                                         .interactive = is_interactive(request),
                                 },
                                 on_answer, authorization, &authorization->check);
        return r;
}

int authorization_ask(Request *request, const Question *question, AuthorizationFunc func)
{
        Authorization *authorization;
        int r;

        if (request->bus->stopping)
                return ERROR_ACCESS_DENIED;
        if (peer_quota(request->peer)->n_questions >=
            (is_interactive(request) ? INTERACTIVE_MAX : AUTHORIZATIONS_MAX))
                return ERROR_LIMITS_EXCEEDED;
        r = call_new_without_api(sizeof(Authorization), NULL, NULL, NULL, &authorization);
        if (r < 0)
                return r;
        authorization->call.destroy = authorization_destroy;
        authorization->request = request;
        authorization->func = func;
        authorization->endpoint =
                request->tenancy ? strdup(tenancy_endpoint(request->tenancy)) : NULL;
        r = request->tenancy && !authorization->endpoint ? -ENOMEM
                                                         : ask_polkit(authorization, question);
        return call_started(&authorization->call, r, &request->call);
}

void authorization_deny_all(Bus *bus)
{
        for (Request *request = LIST_FIRST(&bus->requests), *next; request; request = next) {
                next = LIST_NEXT(request, entry);
                if (request->call && request->call->destroy == authorization_destroy)
                        request_fail(request,
                                     request_explain(request, ERROR_ACCESS_DENIED,
                                                     "The daemon is stopping: authentication "
                                                     "cancelled; retry"));
        }
}
